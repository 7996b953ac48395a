/** What an application does with events of tasks. */
import type { LiveTasksSubscription } from "../src/gql/graphql.js";

type TaskEvent = Pick<LiveTasksSubscription["taskEvents"], "kind" | "taskId"> & { readonly task: object | null };

/** What the mutation of the change would return. */
export function changeOf({ kind, task, taskId }: TaskEvent): Readonly<Record<string, unknown>> | "RESYNC" {
  switch (kind) {
    case "CREATED":
      return { createTask: { task } };
    case "UPDATED":
      return { updateTask: { task } };
    case "DELETED":
      return { deleteTask: { deletedTaskId: taskId } };
    case "OVERDUE":
      return { updateTask: {} };
    case "RESYNC":
      return "RESYNC";
  }
}
