import type { ApolloCache, ApolloClient } from "@apollo/client";
import { useSubscription } from "@apollo/client/react";
import { cacheUpdater, refetchDisplayed, refetchStale } from "@hallpass/client/apollo";
import { useFragment as unmask } from "../gql";
import type { TaskEventsSubscription, TaskRowFragment } from "../gql/graphql";
import { TaskEvents, TaskRow } from "./documents";
import { changesEnded, isDeletedHere, isMadeHere } from "./own-changes";

const update = cacheUpdater();

/** Stores the row, unless the cache has this version of it. */
function store(cache: ApolloCache, task: TaskRowFragment): void {
  const target = { id: `Task:${task.id}`, fragment: TaskRow };
  if ((cache.readFragment(target)?.version ?? 0) < task.version) cache.writeFragment({ ...target, data: task });
}

/** Another tab's change has the same effects on the cache as the mutation of this one. */
async function apply(client: ApolloClient, { kind, task: masked, taskId }: TaskEventsSubscription["taskEvents"]): Promise<void> {
  await changesEnded();
  // Events were missed: everything that is displayed is queried again.
  if (kind === "RESYNC" || taskId === null) return refetchDisplayed(client);
  const task = unmask(TaskRow, masked);
  // An event from before the deletion would bring the row back.
  if (isDeletedHere(taskId) || (task !== null && isMadeHere(task))) return;
  if (task !== null) store(client.cache, task);
  const data = {
    CREATED: { createTask: { task } },
    UPDATED: { updateTask: { task } },
    DELETED: { deleteTask: { deletedTaskId: taskId } },
  }[kind];
  update(client.cache, { data });
  refetchStale(client, data);
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
