import type { ApolloCache } from "@apollo/client";
import type { TaskRowFragment, TaskStatsQuery } from "../gql/graphql";
import { TaskStats } from "./documents";
import { isOverdue } from "./due";

/**
 * The counts after a change of one task, as the server will count. Null is no task: it is created or deleted. The counts
 * are undefined while they are not loaded.
 */
export function countsAfter(
  cache: ApolloCache,
  before: TaskRowFragment | null,
  after: TaskRowFragment | null,
): TaskStatsQuery["taskStats"] | undefined {
  const counts = cache.readQuery({ query: TaskStats, optimistic: true })?.taskStats;
  const change = (isCounted: (task: TaskRowFragment) => boolean): number =>
    Number(after !== null && isCounted(after)) - Number(before !== null && isCounted(before));
  return (
    counts && {
      ...counts,
      total: counts.total + change(() => true),
      completed: counts.completed + change(({ completed }) => completed),
      overdue: counts.overdue + change(isOverdue),
    }
  );
}

/** The option of a mutation, if there is a response to expect. */
export const optimistic = <T>(response: T | null | undefined): { readonly optimisticResponse?: T } =>
  response === null || response === undefined ? {} : { optimisticResponse: response };
