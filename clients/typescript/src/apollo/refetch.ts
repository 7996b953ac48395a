/** Queries that are sent again, once for the changes of a moment. */
import type { ApolloCache, ApolloClient, ObservableQuery } from "@apollo/client";
import { createBurst } from "../cache/burst.js";
import type { MutationUpdates } from "../cache/mutations.js";
import { retryDelay, wait } from "../http/retry.js";
import { dropStale } from "./cache.js";
import type { LoadedRows } from "./pages.js";

/** A change, as the data of its mutation. */
export interface Change {
  readonly data: unknown;
  readonly updates: MutationUpdates | undefined;
}

export interface Refetches {
  /**
   * Drops what only the server knows after this change, in the next turn, and sends displayed queries again that lack
   * something then.
   */
  drop(change: Change): void;
  /** The same, once for the changes of a moment. */
  dropSoon(change: Change): void;
  /** Sends all displayed queries again, soon, and has the others sent when they are displayed. */
  allSoon(): void;
  /** Resolves after that. */
  ended(): Promise<void>;
  /** Resolves when the queries that are sent again have their responses. */
  settled(): Promise<void>;
}

export function createRefetches(client: ApolloClient, loaded: LoadedRows): Refetches {
  const limited = new Set<ObservableQuery>();
  const pending = new Set<Promise<unknown>>();
  let changes: Change[] = [];
  let isAll = false;

  const track = (work: Promise<unknown>): void => {
    const done = work.catch(() => undefined).finally(() => pending.delete(done));
    pending.add(done);
  };

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

  /** Sends displayed queries again, with the rows that they have now. */
  const refetchAfter = (updateCache: (cache: ApolloCache) => void, isSent: (isComplete: boolean) => boolean, all: boolean): Promise<unknown> => {
    const rows = loaded.count(client);
    return client.refetchQueries({
      ...(all ? { include: "active" } : {}),
      updateCache,
      onQueryUpdated: (query, { complete }) => {
        if (!isSent(complete)) return undefined;
        loaded.keep(query, rows.get(query) ?? []);
        return refetch(query);
      },
    });
  };

  const dropChanges = (dropped: readonly Change[]): Promise<unknown> =>
    refetchAfter(
      (cache) => dropped.forEach(({ data, updates }) => dropStale(cache, data, updates)),
      (isComplete) => !isComplete,
      false,
    );

  const dropAll = (): Promise<unknown> =>
    refetchAfter((cache) => void cache.modify({ fields: (_value, { DELETE }) => DELETE }), () => true, true);

  const burst = createBurst(() => {
    const [dropped, all] = [changes, isAll];
    [changes, isAll] = [[], false];
    track(all ? dropAll() : dropChanges(dropped));
  });
  return {
    drop: (change) => track(wait(0, null).then(() => dropChanges([change]))),
    dropSoon: (change) => {
      changes.push(change);
      burst.start();
    },
    allSoon: () => {
      isAll = true;
      burst.start();
    },
    ended: burst.ended,
    settled: async () => {
      await burst.ended();
      await Promise.all(pending);
    },
  };
}
