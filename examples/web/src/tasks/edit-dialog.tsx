import { useApolloClient, useMutation } from "@apollo/client/react";
import { fieldErrors } from "@hallpass/client";
import { useState, type FormEvent, type ReactNode } from "react";
import { codeOf, describe } from "../api/errors";
import { useFragment as unmask } from "../gql";
import type { TaskRowFragment } from "../gql/graphql";
import { Dialog } from "../ui/dialog";
import { useToast } from "../ui/toast";
import { ConflictDialog } from "./conflict-dialog";
import { draftOf, inputOf } from "./draft";
import { Task, TaskRow, UpdateTask } from "./documents";
import { TaskFields } from "./task-fields";

interface EditDialogProps {
  /** The task as it was when the dialog was opened: its version is the one that is edited. */
  readonly task: TaskRowFragment;
  readonly onClose: () => void;
}

export function EditDialog({ task, onClose }: EditDialogProps): ReactNode {
  const toast = useToast();
  const client = useApolloClient();
  const [draft, setDraft] = useState(() => draftOf(task));
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [theirs, setTheirs] = useState<TaskRowFragment>();
  const [update, { loading }] = useMutation(UpdateTask);

  const showConflict = async (): Promise<void> => {
    const { data } = await client.query({ query: Task, variables: { id: task.id }, fetchPolicy: "network-only" });
    const current = unmask(TaskRow, data?.task);
    if (current) return setTheirs(current);
    toast("This task was deleted.");
    onClose();
  };
  const save = async (expectedVersion: number): Promise<void> => {
    setErrors({});
    try {
      await update({ variables: { id: task.id, input: inputOf(draft), expectedVersion } });
      onClose();
    } catch (error) {
      if (codeOf(error) === "CONFLICT") return showConflict().catch((failure: unknown) => toast(describe(failure)));
      setTheirs(undefined);
      setErrors(fieldErrors(error));
      if (codeOf(error) !== "BAD_USER_INPUT") toast(describe(error));
    }
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void save(task.version);
  };
  if (theirs !== undefined) {
    return (
      <ConflictDialog
        mine={draft}
        theirs={draftOf(theirs)}
        isBusy={loading}
        onMine={() => void save(theirs.version)}
        onTheirs={onClose}
        onBack={() => setTheirs(undefined)}
      />
    );
  }
  return (
    <Dialog title="Edit task" onClose={onClose}>
      <form className="stack" onSubmit={submit} noValidate>
        <TaskFields draft={draft} errors={errors} onChange={setDraft} />
        <div className="row end">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={loading}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
