import type { ReactNode } from "react";
import type { TaskFilter, TaskPriority } from "../gql/graphql";
import { Choice } from "../ui/choice";
import { Field } from "../ui/field";
import { isPriority, priorities } from "./draft";

export type TaskState = "all" | "open" | "done";

export interface Filter {
  readonly state: TaskState;
  readonly priority: TaskPriority | "";
  readonly text: string;
}

export const noFilter: Filter = { state: "all", priority: "", text: "" };

const states = [["all", "All"], ["open", "Open"], ["done", "Done"]] as const;

/** The filter of the server. Nothing, for all tasks: that list is the one that new tasks are put into. */
export function serverFilter({ state, priority, text }: Filter): TaskFilter | undefined {
  const filter: TaskFilter = {
    ...(state === "all" ? {} : { completed: state === "done" }),
    ...(priority === "" ? {} : { priority }),
    ...(text.trim() === "" ? {} : { text: text.trim() }),
  };
  return Object.keys(filter).length === 0 ? undefined : filter;
}

interface FilterBarProps {
  readonly filter: Filter;
  readonly onChange: (filter: Filter) => void;
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
            {priorities.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
    </div>
  );
}
