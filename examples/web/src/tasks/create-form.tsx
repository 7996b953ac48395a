import { useMutation } from "@apollo/client/react";
import { fieldErrors } from "@hallpass/client";
import { useState, type FormEvent, type ReactNode } from "react";
import { codeOf, describe } from "../api/errors";
import { makeFragmentData } from "../gql";
import { Field } from "../ui/field";
import { useToast } from "../ui/toast";
import { emptyDraft, inputOf, isPriority, priorities, type Draft } from "./draft";
import { CreateTask, TaskRow } from "./documents";

const MAX_TITLE = 200;

/** The row that is shown until the server has answered. None, if the server will reject the title. */
function optimistic(draft: Draft): { optimisticResponse?: { createTask: ReturnType<typeof row> } } {
  const title = draft.title.trim();
  return title === "" || title.length > MAX_TITLE ? {} : { optimisticResponse: { createTask: row({ ...draft, title }) } };
}

function row(draft: Draft) {
  const task = { ...inputOf(draft), id: `optimistic:${crypto.randomUUID()}`, dueAt: null, completed: false, version: 0 };
  return makeFragmentData({ __typename: "Task", ...task }, TaskRow);
}

export function CreateForm(): ReactNode {
  const toast = useToast();
  const [draft, setDraft] = useState(emptyDraft);
  const [fields, setFields] = useState<Readonly<Record<string, string>>>({});
  const [create] = useMutation(CreateTask);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setFields({});
    setDraft(emptyDraft);
    try {
      await create({ variables: { input: inputOf(draft), key: crypto.randomUUID() }, ...optimistic(draft) });
    } catch (error) {
      // What was typed comes back, unless the next task is being typed already.
      setDraft((current) => (current === emptyDraft ? draft : current));
      setFields(fieldErrors(error));
      if (codeOf(error) !== "BAD_USER_INPUT") toast(describe(error));
    }
  };
  return (
    <form className="card create-task" onSubmit={(event) => void submit(event)} noValidate aria-label="New task">
      <Field label="New task" error={fields["input.title"]} className="grow">
        {(control) => (
          <input {...control} value={draft.title} placeholder="What is to be done?" onChange={(event) => setDraft({ ...draft, title: event.target.value })} />
        )}
      </Field>
      <Field label="Priority" error={fields["input.priority"]}>
        {(control) => (
          <select {...control} value={draft.priority} onChange={({ target: { value } }) => { if (isPriority(value)) setDraft({ ...draft, priority: value }); }}>
            {priorities.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Due" error={fields["input.dueOn"]}>
        {(control) => <input {...control} type="date" value={draft.dueOn} onChange={(event) => setDraft({ ...draft, dueOn: event.target.value })} />}
      </Field>
      <button type="submit" className="button primary">
        Add
      </button>
    </form>
  );
}
