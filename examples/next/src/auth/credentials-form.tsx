"use client";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState, type FormEvent, type ReactNode } from "react";
import { authClient } from "./client";

const UNAVAILABLE = "The sign-in service does not respond. Try again.";

/** Returns what to show to the user, or null after a success. */
async function send(isNew: boolean, form: FormData): Promise<string | null> {
  const value = (name: string): string => String(form.get(name) ?? "");
  const [name, email, password] = [value("name"), value("email"), value("password")];
  try {
    const { error } = isNew
      ? await authClient.signUp.email({ name, email, password })
      : await authClient.signIn.email({ email, password });
    return error === null ? null : (error.message ?? UNAVAILABLE);
  } catch {
    return UNAVAILABLE;
  }
}

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly type: string;
  readonly autoComplete: string;
}

function Field({ label, ...input }: FieldProps): ReactNode {
  return (
    <label className="field">
      {label}
      <input {...input} required />
    </label>
  );
}

export function CredentialsForm({ isNew }: { readonly isNew: boolean }): ReactNode {
  const router = useRouter();
  const [failure, setFailure] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const message = await send(isNew, new FormData(event.currentTarget));
    setFailure(message);
    setBusy(false);
    if (message !== null) return;
    router.push("/");
    // The header was rendered for a visitor.
    router.refresh();
  };
  const title = isNew ? "Create an account" : "Sign in";
  return (
    <div className="narrow">
      <h1>{title}</h1>
      {/* Before the scripts are loaded, a form would send the password by GET. */}
      <form className="card stack" method="post" onSubmit={(event) => void submit(event)}>
        {isNew ? <Field label="Name" name="name" type="text" autoComplete="name" /> : null}
        <Field label="E-mail address" name="email" type="email" autoComplete="email" />
        <Field label="Password" name="password" type="password" autoComplete={isNew ? "new-password" : "current-password"} />
        {failure === null ? null : (
          <p role="alert" className="error">
            {failure}
          </p>
        )}
        <button type="submit" className="button primary" disabled={isBusy}>
          {title}
        </button>
        <p className="muted">
          {isNew ? "You have an account? " : "You are new here? "}
          <Link href={isNew ? "/sign-in" : "/sign-up"}>{isNew ? "Sign in" : "Create an account"}</Link>
        </p>
      </form>
    </div>
  );
}
