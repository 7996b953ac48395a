import { useApolloClient, useMutation } from "@apollo/client/react";
import { useRef, type ReactNode } from "react";
import { describe } from "../api/errors";
import { makeFragmentData } from "../gql";
import type { TaskRowFragment } from "../gql/graphql";
import { useToast } from "../ui/toast";
import { priorityLabel } from "./draft";
import { CompleteTask, DeleteTask, ReopenTask, TaskRow } from "./documents";
import { dueTime, isOverdue } from "./due";
import { countsAfter, optimistic } from "./optimistic";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

function Due({ task }: { readonly task: TaskRowFragment }): ReactNode {
  const due = dueTime(task);
  if (due === null) return null;
  const isLate = isOverdue(task);
  return <span className={isLate ? "late" : undefined}>{isLate ? "Overdue since " : "Due "}{day.format(due)}</span>;
}

function Meta({ task }: { readonly task: TaskRowFragment }): ReactNode {
  const { own } = task;
  return (
    <p className="task-meta">
      {own === null ? null : <span className={`priority priority-${own.priority.toLowerCase()}`}>{priorityLabel(own.priority)}</span>}
      <Due task={task} />
      {task.isPublic ? <span>Public</span> : null}
      {own?.tags.map((tag) => (
        <span key={tag} className="chip">
          {tag}
        </span>
      ))}
    </p>
  );
}

interface TaskActions {
  readonly toggle: () => void;
  readonly remove: () => void;
}

/** What the controls of a task do: the list and the counts change before the server answers. */
function useTaskActions(task: TaskRowFragment): TaskActions {
  const toast = useToast();
  const { cache } = useApolloClient();
  const onError = (error: unknown): void => toast(describe(error));
  const [complete] = useMutation(CompleteTask, { onError });
  const [reopen] = useMutation(ReopenTask, { onError });
  const [remove] = useMutation(DeleteTask, { onError });
  const variables = { id: task.id };
  const toggle = (): void => {
    const toggled = { ...task, completed: !task.completed };
    const taskStats = countsAfter(cache, task, toggled);
    const payload = taskStats && { task: makeFragmentData(toggled, TaskRow), taskStats };
    if (task.completed) void reopen({ variables, ...optimistic(payload && { reopenTask: payload }) });
    else void complete({ variables, ...optimistic(payload && { completeTask: payload }) });
  };
  const removeTask = (): void => {
    const taskStats = countsAfter(cache, task, null);
    void remove({ variables, ...optimistic(taskStats && { deleteTask: { deletedTaskId: task.id, taskStats } }) });
  };
  return { toggle, remove: removeTask };
}

/** Moves the focus out of a row that is removed: to the next one, or to the form if it was the last. */
function leave(row: HTMLElement | null): void {
  const neighbour = row?.nextElementSibling ?? row?.previousElementSibling;
  const target = (neighbour ?? document).querySelector<HTMLInputElement>(neighbour ? "input" : ".create-task input");
  target?.focus();
}

interface TaskItemProps {
  readonly task: TaskRowFragment;
  readonly onEdit: () => void;
}

export function TaskItem({ task, onEdit }: TaskItemProps): ReactNode {
  const { toggle, remove } = useTaskActions(task);
  const isSaved = task.version > 0;
  const row = useRef<HTMLLIElement>(null);
  const removeRow = (): void => {
    leave(row.current);
    remove();
  };
  return (
    <li ref={row} className="task" data-priority={task.own?.priority} data-saved={isSaved}>
      <input type="checkbox" checked={task.completed} onChange={toggle} disabled={!isSaved} aria-label={`Completed: ${task.title}`} />
      <div className="task-text">
        <p className={task.completed ? "task-title done" : "task-title"}>{task.title}</p>
        <Meta task={task} />
      </div>
      <div className="row">
        <button type="button" className="button quiet" onClick={onEdit} disabled={!isSaved} aria-label={`Edit: ${task.title}`}>
          Edit
        </button>
        <button type="button" className="button quiet danger" onClick={removeRow} disabled={!isSaved} aria-label={`Delete: ${task.title}`}>
          Delete
        </button>
      </div>
    </li>
  );
}
