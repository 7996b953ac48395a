import { useMutation } from "@apollo/client/react";
import type { ReactNode } from "react";
import { describe } from "../api/errors";
import { makeFragmentData } from "../gql";
import type { TaskRowFragment } from "../gql/graphql";
import { useToast } from "../ui/toast";
import { priorityLabel } from "./draft";
import { CompleteTask, DeleteTask, ReopenTask, TaskRow } from "./documents";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

function Due({ task }: { readonly task: TaskRowFragment }): ReactNode {
  if (task.dueAt === null && task.dueOn === null) return null;
  const due = new Date(task.dueAt ?? `${task.dueOn}T23:59:59Z`);
  const isLate = !task.completed && due.getTime() < Date.now();
  return <span className={isLate ? "late" : undefined}>{isLate ? "Overdue since " : "Due "}{day.format(due)}</span>;
}

interface TaskItemProps {
  readonly task: TaskRowFragment;
  readonly onEdit: () => void;
}

export function TaskItem({ task, onEdit }: TaskItemProps): ReactNode {
  const toast = useToast();
  const onError = (error: unknown): void => toast(describe(error));
  const [complete] = useMutation(CompleteTask, { onError });
  const [reopen] = useMutation(ReopenTask, { onError });
  const [remove] = useMutation(DeleteTask, { onError });
  const isSaved = task.version > 0;
  const toggle = (): void => {
    const variables = { id: task.id };
    const after = makeFragmentData({ ...task, completed: !task.completed }, TaskRow);
    void (task.completed
      ? reopen({ variables, optimisticResponse: { reopenTask: after } })
      : complete({ variables, optimisticResponse: { completeTask: after } }));
  };
  return (
    <li className="task" data-priority={task.priority} data-saved={isSaved}>
      <input type="checkbox" checked={task.completed} onChange={toggle} disabled={!isSaved} aria-label={`Completed: ${task.title}`} />
      <div className="task-text">
        <p className={task.completed ? "task-title done" : "task-title"}>{task.title}</p>
        <p className="task-meta">
          <span className={`priority priority-${task.priority.toLowerCase()}`}>{priorityLabel(task.priority)}</span>
          <Due task={task} />
          {task.isPublic ? <span>Public</span> : null}
          {task.tags.map((tag) => (
            <span key={tag} className="chip">
              {tag}
            </span>
          ))}
        </p>
      </div>
      <div className="row">
        <button type="button" className="button quiet" onClick={onEdit} disabled={!isSaved} aria-label={`Edit: ${task.title}`}>
          Edit
        </button>
        <button
          type="button"
          className="button quiet danger"
          disabled={!isSaved}
          aria-label={`Delete: ${task.title}`}
          onClick={() => void remove({ variables: { id: task.id }, optimisticResponse: { deleteTask: task.id } })}
        >
          Delete
        </button>
      </div>
    </li>
  );
}
