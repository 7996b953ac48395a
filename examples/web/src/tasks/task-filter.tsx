import { useQuery } from "@apollo/client/react";
import type { ReactNode } from "react";
import type { TaskFilter, TaskPriority, TaskRowFragment } from "../gql/graphql";
import { Choice } from "../ui/choice";
import { Field, type ControlProps } from "../ui/field";
import { TaskTags } from "./documents";
import { isPriority } from "./draft";
import { isOverdue } from "./due";
import { PriorityOptions } from "./task-fields";

export type TaskState = "all" | "open" | "overdue" | "done";

export interface Filter {
  readonly state: TaskState;
  readonly priority: TaskPriority | "";
  readonly tag: string;
  readonly text: string;
}

export const noFilter: Filter = { state: "all", priority: "", tag: "", text: "" };

const states = [["all", "All"], ["open", "Open"], ["overdue", "Overdue"], ["done", "Done"]] as const;

const serverStates: Readonly<Record<TaskState, TaskFilter>> = {
  all: {},
  open: { completed: false },
  overdue: { overdue: true },
  done: { completed: true },
};

/** The filter of the server. Nothing, for all tasks: that list is the one that new tasks are put into. */
export function serverFilter({ state, priority, tag, text }: Filter): TaskFilter | undefined {
  const filter: TaskFilter = {
    ...serverStates[state],
    ...(priority === "" ? {} : { priority }),
    ...(tag === "" ? {} : { tag }),
    ...(text.trim() === "" ? {} : { text: text.trim() }),
  };
  return Object.keys(filter).length === 0 ? undefined : filter;
}

function hasState(task: TaskRowFragment, state: TaskState): boolean {
  if (state === "overdue") return isOverdue(task);
  return state === "all" || task.completed === (state === "done");
}

/** A task that was just completed or changed no longer belongs to the list that the server sent. */
export function matches(task: TaskRowFragment, { state, priority, tag }: Filter): boolean {
  const isOfPriority = priority === "" || task.own?.priority === priority;
  const hasTag = tag === "" || task.own?.tags.includes(tag) === true;
  return hasState(task, state) && isOfPriority && hasTag;
}

interface FilterBarProps {
  readonly filter: Filter;
  readonly onChange: (filter: Filter) => void;
}

function TagSelect({ control, value, onChange }: { readonly control: ControlProps; readonly value: string; readonly onChange: (tag: string) => void }): ReactNode {
  const { data, previousData } = useQuery(TaskTags, { fetchPolicy: "cache-and-network", nextFetchPolicy: "cache-first" });
  const tags = (data ?? previousData)?.taskTags ?? [];
  const isGone = value !== "" && !tags.some(({ tag }) => tag === value);
  return (
    <select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">Every tag</option>
      {isGone ? <option value={value}>{value}</option> : null}
      {tags.map(({ tag, count }) => (
        <option key={tag} value={tag}>
          {`${tag} (${count})`}
        </option>
      ))}
    </select>
  );
}

export function FilterBar({ filter, onChange }: FilterBarProps): ReactNode {
  return (
    <div className="filters" role="search" aria-label="Tasks">
      <Choice legend="State" isLegendHidden options={states} value={filter.state} onChange={(state) => onChange({ ...filter, state })} />
      <Field label="Search" isLabelHidden className="grow">
        {(control) => (
          <input {...control} type="search" placeholder="Search tasks" maxLength={200} value={filter.text} onChange={(event) => onChange({ ...filter, text: event.target.value })} />
        )}
      </Field>
      <Field label="Priority" isLabelHidden>
        {(control) => (
          <select {...control} value={filter.priority} onChange={({ target: { value } }) => onChange({ ...filter, priority: isPriority(value) ? value : "" })}>
            <option value="">Every priority</option>
            <PriorityOptions />
          </select>
        )}
      </Field>
      <Field label="Tag" isLabelHidden className="tag-filter">
        {(control) => <TagSelect control={control} value={filter.tag} onChange={(tag) => onChange({ ...filter, tag })} />}
      </Field>
    </div>
  );
}
