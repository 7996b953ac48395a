/** urql for Hallpass. */
import { fetchExchange, subscriptionExchange, type ClientOptions, type Exchange, type ExecutionResult, type OperationResult } from "@urql/core";
import type { Client as SocketClient, FormattedExecutionResult } from "graphql-ws";
import { map, pipe, tap } from "wonka";
import { mutationUpdates, type MutationUpdates } from "../cache/mutations.js";
import { firstError } from "../errors/parse.js";
import { hallpassFetch, type FetchOptions } from "../http/fetch.js";
import { createLiveClient, type LiveClient, type LiveClientOptions } from "../ws/index.js";
import { currentResults } from "./current.js";
import { changeExchange, refetchDisplayed } from "./events.js";
import { pagesExchange } from "./pages.js";
import { stateOf } from "./state.js";
import { perUserExchange } from "./users.js";

export { createdRows, deletedIds, mutationUpdates, type CreatedRow, type MutationUpdate, type MutationUpdates } from "../cache/mutations.js";
export { applyChange, refetchDisplayed } from "./events.js";

function toResult({ data = null, errors }: FormattedExecutionResult<Record<string, unknown>, unknown>): ExecutionResult {
  return errors === undefined ? { data } : { data, errors: [...errors] };
}

/** Subscriptions over the socket. */
export function liveExchange(live: SocketClient): Exchange {
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
  /** What mutations change. */
  readonly updates?: MutationUpdates;
}

/** Options of an urql client, with its socket. */
export interface HallpassUrql extends ClientOptions {
  readonly live: LiveClient | undefined;
  /** Ends the socket. */
  readonly close: () => void;
}

/** Has the message of an error be the one to display, as that of `firstError`. */
function describe({ error }: OperationResult): void {
  const found = firstError(error);
  if (error !== undefined && found !== undefined) error.message = found.message;
}

/** Notes which queries are displayed, and has those sent again whose results are old. */
const queriesExchange: Exchange = ({ client, forward }) => {
  const { queries } = stateOf(client);
  return (operations) => pipe(operations, map(queries.request), forward, tap(describe), tap(queries.result));
};

/** Options of an urql client: credential and retries by HTTP, subscriptions over the socket. */
export function hallpassUrql(options: HallpassUrqlOptions): HallpassUrql {
  const { url, liveUrl, liveOptions, cache, credentials, updates = mutationUpdates } = options;
  let onGap = (): void => undefined;
  const gapExchange: Exchange = ({ client, forward }) => {
    onGap = () => refetchDisplayed(client);
    return forward;
  };
  const live =
    liveUrl === undefined
      ? undefined
      : createLiveClient({
          onGap: () => onGap(),
          ...liveOptions,
          url: liveUrl,
          ...(credentials === undefined ? {} : { credentials }),
        });
  const subscriptions = live === undefined ? [] : [liveExchange(live)];
  let stop = (): void => undefined;
  const current = currentResults(cache, updates);
  const onChange = credentials?.onChange;
  const cached = onChange === undefined ? current : perUserExchange(current, (listener) => (stop = onChange(listener)));
  return {
    live,
    close: () => {
      stop();
      void live?.dispose();
    },
    url,
    fetch: hallpassFetch(options),
    preferGetMethod: false, // variables do not belong into the logs of proxies
    exchanges: [gapExchange, queriesExchange, cached, pagesExchange, changeExchange, ...subscriptions, fetchExchange],
  };
}
