/** urql for Hallpass. */
import { fetchExchange, subscriptionExchange, type ClientOptions, type Exchange, type ExecutionResult } from "@urql/core";
import type { Client as LiveClient, FormattedExecutionResult } from "graphql-ws";
import { createChanges } from "../cache/changes.js";
import { hallpassFetch, type FetchOptions } from "../http/fetch.js";
import { createLiveClient, type LiveClientOptions } from "../ws/index.js";
import { activeQueries } from "./active.js";
import { currentResults } from "./current.js";

export { activeQueries, type ActiveQueries } from "./active.js";

function toResult({ data = null, errors }: FormattedExecutionResult<Record<string, unknown>, unknown>): ExecutionResult {
  return errors === undefined ? { data } : { data, errors: [...errors] };
}

/** Subscriptions over the socket. */
export function liveExchange(live: LiveClient): Exchange {
  return subscriptionExchange({
    forwardSubscription: ({ query = "", variables, extensions }) => ({
      subscribe: (sink) => ({
        unsubscribe: live.subscribe(
          {
            query,
            ...(variables === undefined ? {} : { variables }),
            ...(extensions === undefined ? {} : { extensions }),
          },
          { next: (value) => sink.next(toResult(value)), error: (error) => sink.error(error), complete: () => sink.complete() },
        ),
      }),
    }),
  });
}

export interface HallpassUrqlOptions extends FetchOptions {
  /** Address of the GraphQL endpoint. */
  readonly url: string;
  /** Address of the socket. Without it, there are no subscriptions. */
  readonly liveUrl?: string;
  /** Further options of the socket. `onGap` executes all active queries again, unless it is given. */
  readonly liveOptions?: Omit<LiveClientOptions, "url" | "credentials">;
  /** The cache: urql's `cacheExchange`, or `hallpassGraphcache()`. */
  readonly cache: Exchange;
}

/** Options of an urql client: credential and retries by HTTP, subscriptions over the socket. */
export function hallpassUrql(options: HallpassUrqlOptions): ClientOptions {
  const { url, liveUrl, liveOptions, cache, credentials } = options;
  const active = activeQueries();
  const changes = createChanges();
  const exchanges = [active.exchange, currentResults(cache, changes)];
  if (liveUrl !== undefined) {
    const live = createLiveClient({
      onGap: () => {
        changes.note();
        active.refetch();
      },
      ...liveOptions,
      url: liveUrl,
      ...(credentials === undefined ? {} : { credentials }),
    });
    exchanges.push(liveExchange(live));
  }
  return {
    url,
    fetch: hallpassFetch(options),
    preferGetMethod: false, // variables do not belong into the logs of proxies
    exchanges: [...exchanges, fetchExchange],
  };
}
