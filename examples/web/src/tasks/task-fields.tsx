import type { ReactNode } from "react";
import { Field } from "../ui/field";
import { isPriority, priorities, type Draft } from "./draft";

interface TaskFieldProps {
  readonly draft: Draft;
  readonly errors: Readonly<Record<string, string>>;
  readonly onChange: (draft: Draft) => void;
}

interface TitleFieldProps extends TaskFieldProps {
  readonly label: string;
  readonly placeholder?: string;
  readonly className?: string;
}

export function TitleField({ draft, errors, onChange, label, placeholder, className = "" }: TitleFieldProps): ReactNode {
  return (
    <Field label={label} error={errors["input.title"]} className={className}>
      {(control) => <input {...control} value={draft.title} placeholder={placeholder} onChange={(event) => onChange({ ...draft, title: event.target.value })} />}
    </Field>
  );
}

export function PriorityOptions(): ReactNode {
  return priorities.map(([value, label]) => (
    <option key={value} value={value}>
      {label}
    </option>
  ));
}

export function PriorityField({ draft, errors, onChange }: TaskFieldProps): ReactNode {
  return (
    <Field label="Priority" error={errors["input.priority"]}>
      {(control) => (
        <select {...control} value={draft.priority} onChange={({ target: { value } }) => { if (isPriority(value)) onChange({ ...draft, priority: value }); }}>
          <PriorityOptions />
        </select>
      )}
    </Field>
  );
}

export function DueField({ draft, errors, onChange }: TaskFieldProps): ReactNode {
  return (
    <Field label="Due" error={errors["input.dueOn"]}>
      {(control) => <input {...control} type="date" value={draft.dueOn} onChange={(event) => onChange({ ...draft, dueOn: event.target.value })} />}
    </Field>
  );
}

/** The message about the tags, whichever of them it is about. */
function tagsError(errors: Readonly<Record<string, string>>): string | undefined {
  return Object.entries(errors).find(([path]) => path.startsWith("input.tags"))?.[1];
}

/** All fields of a task. */
export function TaskFields(props: TaskFieldProps): ReactNode {
  const { draft, errors, onChange } = props;
  return (
    <>
      <TitleField {...props} label="Title" />
      <Field label="Description" error={errors["input.description"]}>
        {(control) => <textarea {...control} rows={3} value={draft.description} onChange={(event) => onChange({ ...draft, description: event.target.value })} />}
      </Field>
      <div className="pair">
        <PriorityField {...props} />
        <DueField {...props} />
      </div>
      <Field label="Tags" error={tagsError(errors)} hint="Separated by commas.">
        {(control) => <input {...control} value={draft.tags} onChange={(event) => onChange({ ...draft, tags: event.target.value })} />}
      </Field>
      <label className="check">
        <input type="checkbox" checked={draft.isPublic} onChange={(event) => onChange({ ...draft, isPublic: event.target.checked })} />
        Everyone can see the title of this task
      </label>
    </>
  );
}
