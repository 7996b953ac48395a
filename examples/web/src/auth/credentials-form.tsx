import { useState, type FormEvent, type ReactNode } from "react";
import { isDemo } from "../config";
import { Field, sentence } from "../ui/field";
import { useInvalidFocus } from "../ui/invalid";
import { Page } from "../ui/page";
import { authClient } from "./client";
import { messagesOf, missing, type Failure, type Messages, type Values } from "./credentials";
import { demoAccounts, demoPassword } from "./demo";
import { SignInLink } from "./sign-in-link";

async function send(isNew: boolean, { name, email, password }: Values): Promise<Failure | null> {
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
  const [values, setValues] = useState<Values>({ name: "", email: "", password: "" });
  const [messages, setMessages] = useState<Messages>({});
  const form = useInvalidFocus(messages);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const wrong = missing(isNew, values);
    setMessages(wrong);
    if (Object.keys(wrong).length > 0) return;
    setBusy(true);
    const failure = await send(isNew, values);
    if (failure !== null) setMessages(messagesOf(isNew, failure));
    // After a success the page changes as soon as the session is known.
    setBusy(failure === null);
  };
  return (
    <Page title={isNew ? "Create an account" : "Sign in"}>
      <form ref={form} className="card narrow stack" onSubmit={(event) => void submit(event)} noValidate>
        {isNew ? (
          <Field label="Name" error={messages.name}>
            {(control) => (
              <input {...control} autoComplete="name" value={values.name} onChange={(event) => setValues({ ...values, name: event.target.value })} />
            )}
          </Field>
        ) : null}
        <Field label="E-mail address" error={messages.email}>
          {(control) => (
            <input {...control} type="email" autoComplete="email" value={values.email} onChange={(event) => setValues({ ...values, email: event.target.value })} />
          )}
        </Field>
        <Field label="Password" error={messages.password} {...(isNew ? { hint: "At least 8 characters." } : {})}>
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
        {messages.form === undefined ? null : (
          <p role="alert" className="field-error">
            {sentence(messages.form)}
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
