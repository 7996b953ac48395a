import type { ReactNode } from "react";
import type { Problem } from "@/api/problem";
import type { HomeQuery } from "@/gql/graphql";
import { CompleteButton } from "@/live/complete-button";
import { Notice, ProblemNotice } from "@/ui/notice";

type TaskList = NonNullable<HomeQuery["tasks"]>["nodes"];
type Stats = HomeQuery["taskStats"];

const day = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });

function TaskItem({ task }: { readonly task: TaskList[number] }): ReactNode {
  return (
    <li className="task" data-completed={task.completed}>
      <div className="task-text">
        <p className="task-title">{task.title}</p>
        <p className="muted small">
          {task.completed ? "Done" : "Open"}
          {task.dueOn === null ? null : ` · due ${day.format(new Date(task.dueOn))}`}
        </p>
      </div>
      {task.completed ? null : <CompleteButton id={task.id} title={task.title} />}
    </li>
  );
}

function Counts({ stats }: { readonly stats: Stats }): ReactNode {
  if (stats === null || stats === undefined) return null;
  return <p className="lead" id="counts">{`${stats.total - stats.completed} open, ${stats.completed} done`}</p>;
}

interface TasksProps {
  readonly tasks: TaskList | undefined;
  readonly stats: Stats;
  readonly problem: Problem;
}

/** The caller's tasks, rendered on the server. */
export function Tasks({ tasks, stats, problem }: TasksProps): ReactNode {
  if (tasks === undefined) return <ProblemNotice problem={problem} href="/" />;
  return (
    <>
      <Counts stats={stats} />
      {tasks.length === 0 ? (
        <Notice title="No tasks yet">Write the first one above.</Notice>
      ) : (
        <ul className="list" aria-label="Tasks">
          {tasks.map((task) => (
            <TaskItem key={task.id} task={task} />
          ))}
        </ul>
      )}
    </>
  );
}
