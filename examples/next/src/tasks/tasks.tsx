import type { ReactNode } from "react";
import { Tasks } from "@/api/queries";
import { query } from "@/api/server";
import type { TasksQuery } from "@/gql/graphql";
import { CompleteButton } from "@/live/complete-button";
import { Notice, ProblemNotice } from "@/ui/notice";

type Task = NonNullable<TasksQuery["tasks"]>["nodes"][number];

const day = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });

function TaskItem({ task }: { readonly task: Task }): ReactNode {
  return (
    <li className="task" data-completed={task.completed}>
      <div className="task-text">
        <p className="task-title">{task.title}</p>
        <p className="muted small">
          {task.completed ? "Done" : "Open"}
          {task.own?.dueOn ? ` · due ${day.format(new Date(task.own.dueOn))}` : null}
        </p>
      </div>
      {task.completed ? null : <CompleteButton id={task.id} title={task.title} />}
    </li>
  );
}

function Counts({ stats }: { readonly stats: TasksQuery["taskStats"] }): ReactNode {
  if (stats === null) return null;
  return <p className="lead">{`${stats.total - stats.completed} open, ${stats.completed} done`}</p>;
}

/** The caller's tasks. */
export async function TaskList(): Promise<ReactNode> {
  const { data, errors } = await query(Tasks, {});
  const tasks = data?.tasks?.nodes;
  if (tasks === undefined) return <ProblemNotice error={errors[0]} href="/" />;
  return (
    <>
      <Counts stats={data?.taskStats ?? null} />
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
