import { useApolloClient, useMutation } from "@apollo/client/react";
import { fieldErrors } from "@hallpass/client";
import { useState, type FormEvent, type ReactNode } from "react";
import { codeOf, describe } from "../api/errors";
import { keptNames, useKept } from "../auth/kept";
import { useFragment as unmask } from "../gql";
import type { TaskRowFragment } from "../gql/graphql";
import { Dialog } from "../ui/dialog";
import { useInvalidFocus } from "../ui/invalid";
import { useToast } from "../ui/toast";
import { ConflictDialog } from "./conflict-dialog";
import { draftOf, inputOf, type Draft } from "./draft";
import { Task, TaskRow, UpdateTask } from "./documents";
import { TaskFields } from "./task-fields";

interface EditDialogProps {
  /** The task as it was when the dialog was opened: its version is the one that is edited. */
  readonly task: TaskRowFragment;
  readonly viewerId: string;
  readonly onClose: () => void;
}

/** The name of what is typed about a task, before its id. */
const EDITED = "edited-task:";

/** The task whose form was open when the session ended. */
export const editedTaskId = (viewerId: string): string | undefined => keptNames(viewerId, EDITED)[0];

export function EditDialog({ task, viewerId, onClose: close }: EditDialogProps): ReactNode {
  const toast = useToast();
  const client = useApolloClient();
  const { value: edited, set, drop } = useKept(viewerId, `${EDITED}${task.id}`, { version: task.version, ...draftOf(task) });
  const { version, ...draft } = edited;
  const setDraft = (next: Draft): void => set({ version, ...next });
  const onClose = (): void => {
    drop();
    close();
  };
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const form = useInvalidFocus(errors);
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
    void save(version);
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
      <form ref={form} className="stack" onSubmit={submit} noValidate>
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
