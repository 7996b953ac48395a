/** Queries that are sent again, once for the changes of a moment. */
import type { ApolloClient, ObservableQuery } from "@apollo/client";
import { createBurst } from "../cache/burst.js";
import type { MutationUpdates } from "../cache/mutations.js";
import { retryDelay, wait } from "../http/retry.js";
import { dropStale } from "./cache.js";

/** A change, as the data of its mutation. */
export interface Change {
  readonly data: unknown;
  readonly updates: MutationUpdates | undefined;
}

export interface Refetches {
  /** Drops what only the server knows after these changes, and sends displayed queries again that lack something then. */
  drop(changes: readonly Change[]): void;
  /** The same, soon. */
  dropSoon(change: Change): void;
  /** Sends all displayed queries again, soon, and has the others sent when they are displayed. */
  allSoon(): void;
  /** Resolves after that. */
  ended(): Promise<void>;
}

export function createRefetches(client: ApolloClient): Refetches {
  const limited = new Set<ObservableQuery>();
  let changes: Change[] = [];
  let isAll = false;

  /** Sends a query again. If the server limits that, it is sent when the limit allows, if it is still displayed. */
  const refetch = async (query: ObservableQuery): Promise<void> => {
    if (limited.has(query)) return;
    const error = await query.refetch().then(({ error }) => error, (error: unknown) => error);
    const delay = retryDelay(error);
    if (delay === undefined) return;
    limited.add(query);
    await wait(delay, null);
    limited.delete(query);
    if (query.hasObservers()) await refetch(query);
  };

  const drop = (dropped: readonly Change[]): void =>
    void client.refetchQueries({
      updateCache: (cache) => dropped.forEach(({ data, updates }) => dropStale(cache, data, updates)),
      onQueryUpdated: (query, { complete }) => (complete ? undefined : refetch(query)),
    });

  const dropAll = (): void =>
    void client.refetchQueries({
      include: "active",
      updateCache: (cache) => void cache.modify({ fields: (_value, { DELETE }) => DELETE }),
      onQueryUpdated: refetch,
    });

  const burst = createBurst(() => {
    const [dropped, all] = [changes, isAll];
    [changes, isAll] = [[], false];
    if (all) dropAll();
    else drop(dropped);
  });
  return {
    drop,
    dropSoon: (change) => {
      changes.push(change);
      burst.start();
    },
    allSoon: () => {
      isAll = true;
      burst.start();
    },
    ended: burst.ended,
  };
}
