"use client";
import { useId, useState, type FormEvent, type ReactNode } from "react";
import { createTask } from "@/api/mutations";
import { useLive } from "./context";
import { describeErrors } from "./describe";

export function CreateForm(): ReactNode {
  const { execute, refresh } = useLive();
  const id = useId();
  const [title, setTitle] = useState("");
  const [key, setKey] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (execute === null) return;
    setBusy(true);
    const attempt = key ?? crypto.randomUUID();
    const { errors } = await createTask(execute, title, attempt);
    setFailure(describeErrors(errors));
    setBusy(false);
    // Sent again with the same title and key, a request whose response was lost creates no second task.
    setKey(errors.length === 0 ? null : attempt);
    if (errors.length === 0) setTitle("");
    refresh();
  };
  const change = (value: string): void => {
    setTitle(value);
    setKey(null);
  };
  return (
    <form className="create" onSubmit={(event) => void submit(event)} noValidate>
      <label htmlFor={id} className="visually-hidden">
        New task
      </label>
      <input
        id={id}
        value={title}
        placeholder="What needs to be done?"
        autoComplete="off"
        onChange={(event) => change(event.target.value)}
        {...(failure === null ? {} : { "aria-invalid": true, "aria-describedby": `${id}-error` })}
      />
      <button type="submit" className="button primary" disabled={execute === null || isBusy}>
        Add task
      </button>
      {failure === null ? null : (
        <p id={`${id}-error`} role="alert" className="error">
          {failure}
        </p>
      )}
    </form>
  );
}
