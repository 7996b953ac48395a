import type { ApolloCache } from "@apollo/client";
import { useSubscription } from "@apollo/client/react";
import { cacheUpdater, dropStale } from "@hallpass/client/apollo";
import type { TaskEventsSubscription } from "../gql/graphql";
import { TaskEvents } from "./documents";

const update = cacheUpdater();

/** Another tab's change has the same effects on the cache as the mutation of this one. Changed fields are already there. */
function apply(cache: ApolloCache, { kind, task, taskId }: TaskEventsSubscription["taskEvents"]): void {
  const data = {
    CREATED: { createTask: task },
    UPDATED: { updateTask: task },
    DELETED: { deleteTask: taskId },
  }[kind];
  update(cache, { data });
  dropStale(cache, data);
}

/** Keeps the lists of tasks equal in all tabs and devices. */
export function useTaskEvents(): void {
  useSubscription(TaskEvents, {
    onData: ({ client, data: { data } }) => {
      if (data !== undefined) apply(client.cache, data.taskEvents);
    },
  });
}
