import { useState, type FormEvent, type ReactNode } from "react";
import { isDemo } from "../config";
import { Field } from "../ui/field";
import { Page } from "../ui/page";
import { authClient } from "./client";
import { demoAccounts, demoPassword } from "./demo";
import { SignInLink } from "./sign-in-link";

/** The part of Better Auth's error that is shown. */
interface Failure {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly status?: number;
}

/** The message about one field: Better Auth has one error, and its code names the field. */
function messageFor(failure: Failure | null, part: RegExp): string | undefined {
  return failure !== null && part.test(failure.code ?? "") ? failure.message : undefined;
}

const fieldOf = { email: /EMAIL(?!_OR_PASSWORD)|USER_ALREADY/, password: /PASSWORD(?!$)|^INVALID_PASSWORD$/, name: /NAME/ };

function unplaced(failure: Failure | null): string | undefined {
  if (failure === null || Object.values(fieldOf).some((part) => messageFor(failure, part) !== undefined)) return undefined;
  return failure.message || "The sign-in service does not answer. Try again.";
}

async function send(isNew: boolean, name: string, email: string, password: string): Promise<Failure | null> {
  try {
    const { error } = isNew
      ? await authClient.signUp.email({ name, email, password })
      : await authClient.signIn.email({ email, password });
    return error;
  } catch {
    return {};
  }
}

export function CredentialsForm({ isNew }: { readonly isNew: boolean }): ReactNode {
  const [values, setValues] = useState({ name: "", email: "", password: "" });
  const [failure, setFailure] = useState<Failure | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const result = await send(isNew, values.name, values.email, values.password);
    setFailure(result);
    // After a success the page changes as soon as the session is known.
    setBusy(result === null);
  };
  const other = unplaced(failure);
  return (
    <Page title={isNew ? "Create an account" : "Sign in"}>
      <form className="card narrow stack" onSubmit={(event) => void submit(event)} noValidate>
        {isNew ? (
          <Field label="Name" error={messageFor(failure, fieldOf.name)}>
            {(control) => (
              <input {...control} autoComplete="name" value={values.name} onChange={(event) => setValues({ ...values, name: event.target.value })} />
            )}
          </Field>
        ) : null}
        <Field label="E-mail address" error={messageFor(failure, fieldOf.email)}>
          {(control) => (
            <input {...control} type="email" autoComplete="email" value={values.email} onChange={(event) => setValues({ ...values, email: event.target.value })} />
          )}
        </Field>
        <Field label="Password" error={messageFor(failure, fieldOf.password)} {...(isNew ? { hint: "At least 8 characters." } : {})}>
          {(control) => (
            <input
              {...control}
              type="password"
              autoComplete={isNew ? "new-password" : "current-password"}
              value={values.password}
              onChange={(event) => setValues({ ...values, password: event.target.value })}
            />
          )}
        </Field>
        {other === undefined ? null : (
          <p role="alert" className="field-error">
            {other}
          </p>
        )}
        <button type="submit" className="button primary" disabled={isBusy}>
          {isNew ? "Create account" : "Sign in"}
        </button>
        <p className="muted">
          {isNew ? "You have an account? " : "You are new here? "}
          <SignInLink page={isNew ? "/sign-in" : "/sign-up"}>{isNew ? "Sign in" : "Create an account"}</SignInLink>
        </p>
      </form>
      {isDemo && !isNew ? (
        <section className="card narrow stack" aria-labelledby="demo">
          <h2 id="demo">Demo accounts</h2>
          <p className="muted">A button fills in the form.</p>
          <div className="row wrap">
            {demoAccounts.map(([label, email]) => (
              <button key={email} type="button" className="button" onClick={() => setValues({ ...values, email, password: demoPassword })}>
                {label}
              </button>
            ))}
          </div>
        </section>
      ) : null}
    </Page>
  );
}
