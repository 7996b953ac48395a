"use client";
import { useState, type ReactNode } from "react";
import { completeTask } from "@/api/mutations";
import { useLive } from "./context";
import { describeErrors } from "./describe";

export function CompleteButton({ id, title }: { readonly id: string; readonly title: string }): ReactNode {
  const { execute, refresh } = useLive();
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const complete = async (): Promise<void> => {
    if (execute === null) return;
    setBusy(true);
    const { errors } = await completeTask(execute, id);
    setFailure(describeErrors(errors));
    setBusy(false);
    refresh();
  };
  return (
    <>
      {failure === null ? null : (
        <p role="alert" className="error">
          {failure}
        </p>
      )}
      <button type="button" className="button" disabled={execute === null || isBusy} onClick={() => void complete()} aria-label={`Complete: ${title}`}>
        Complete
      </button>
    </>
  );
}
