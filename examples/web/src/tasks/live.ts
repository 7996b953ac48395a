import type { ApolloClient } from "@apollo/client";
import { useSubscription } from "@apollo/client/react";
import { applyChange } from "@hallpass/client/apollo";
import { refresh } from "../api/refresh";
import type { TaskEventsSubscription } from "../gql/graphql";
import { TaskEvents } from "./documents";

/** Another tab's change has the same effects on the cache as the mutation of this one. */
async function apply(client: ApolloClient, { kind, task, taskId }: TaskEventsSubscription["taskEvents"]): Promise<void> {
  // Events were missed: everything that is displayed is queried again.
  if (kind === "RESYNC") return refresh(client);
  const change = {
    CREATED: { createTask: { task } },
    UPDATED: { updateTask: { task } },
    DELETED: { deleteTask: { deletedTaskId: taskId } },
    // No task has changed, but filtered lists and counts have.
    OVERDUE: { updateTask: {} },
  }[kind];
  await applyChange(client, change);
}

/** Keeps the lists of tasks equal in all tabs and devices. */
export function useTaskEvents(): void {
  useSubscription(TaskEvents, {
    fetchPolicy: "no-cache",
    onData: ({ client, data: { data } }) => {
      if (data !== undefined) void apply(client, data.taskEvents);
    },
  });
}
