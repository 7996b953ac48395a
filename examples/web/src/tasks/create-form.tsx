import { useMutation } from "@apollo/client/react";
import { fieldErrors } from "@hallpass/client";
import { useState, type FormEvent, type ReactNode } from "react";
import { codeOf, describe } from "../api/errors";
import { useViewer } from "../api/viewer";
import { useKept } from "../auth/kept";
import { makeFragmentData } from "../gql";
import type { TaskRowFragment } from "../gql/graphql";
import { useInvalidFocus } from "../ui/invalid";
import { useToast } from "../ui/toast";
import { emptyDraft, inputOf, type Draft } from "./draft";
import { CreateTask, TaskRow } from "./documents";
import { countsAfter, optimistic } from "./optimistic";
import { DueField, PriorityField, TitleField } from "./task-fields";

const MAX_TITLE = 200;

/** A task that is typed, with the idempotency key under which it was sent, if it was. */
const unsent = { ...emptyDraft, key: "" };

/** The row that is shown until the server has answered. Null, if the server will reject the title. */
function expected(draft: Draft): TaskRowFragment | null {
  const { title, isPublic, ...own } = inputOf({ ...draft, title: draft.title.trim() });
  if (title === "" || title.length > MAX_TITLE) return null;
  const row = { __typename: "Task", id: `optimistic:${crypto.randomUUID()}`, title, isPublic, completed: false, version: 0 } as const;
  return { ...row, own: { __typename: "OwnTask", ...own, dueAt: null } };
}

export function CreateForm(): ReactNode {
  const toast = useToast();
  const kept = useKept(useViewer()?.id ?? "", "new-task", unsent);
  const { key, ...draft } = kept.value;
  // Another text is another task.
  const setDraft = (next: Draft): void => kept.set({ ...next, key: "" });
  const [fields, setFields] = useState<Readonly<Record<string, string>>>({});
  const form = useInvalidFocus(fields);
  const [create, { client }] = useMutation(CreateTask);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setFields({});
    const sent = { ...draft, key: key || crypto.randomUUID() };
    kept.drop();
    const row = expected(draft);
    const taskStats = countsAfter(client.cache, null, row);
    const response = row && taskStats && { createTask: { edge: { cursor: "", node: makeFragmentData(row, TaskRow) }, taskStats } };
    try {
      await create({ variables: { input: inputOf(draft), key: sent.key }, ...optimistic(response) });
    } catch (error) {
      // What was typed comes back, with its key: the server may have created the task, and then creates no second one.
      kept.restore(sent);
      setFields(fieldErrors(error));
      if (codeOf(error) !== "BAD_USER_INPUT") toast(describe(error));
    }
  };
  const props = { draft, errors: fields, onChange: setDraft };
  return (
    <form ref={form} className="card create-task" onSubmit={(event) => void submit(event)} noValidate aria-label="New task">
      <TitleField {...props} label="New task" placeholder="What is to be done?" className="grow" />
      <PriorityField {...props} />
      <DueField {...props} />
      <button type="submit" className="button primary">
        Add
      </button>
    </form>
  );
}
