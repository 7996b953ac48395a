/** Apollo Client 4 for Hallpass. */
import { ApolloClient, ApolloLink, HttpLink, type ApolloCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { OperationTypeNode } from "graphql";
import type { Client } from "graphql-ws";
import type { MutationUpdates } from "../cache/mutations.js";
import { hallpassFetch, type FetchOptions } from "../http/fetch.js";
import { createLiveClient, type LiveClient, type LiveClientOptions } from "../ws/index.js";
import { cacheUpdater, hallpassCache } from "./cache.js";
import { liveLink } from "./live.js";
import { refetchDisplayed, staleLink } from "./stale.js";

export { createdRows, deletedIds, mutationUpdates, type CreatedRow, type MutationUpdate, type MutationUpdates } from "../cache/mutations.js";
export { cacheUpdater, dropStale, hallpassCache } from "./cache.js";
export { applyChange } from "./events.js";
export { liveLink } from "./live.js";
export { connectionPolicy, typePolicies } from "./pagination.js";
export { refetchDisplayed, refetchStale, staleLink } from "./stale.js";

export interface ApolloLinkOptions extends FetchOptions {
  /** Address of the GraphQL endpoint. */
  readonly url: string;
  /** The client of subscriptions. Default: none. */
  readonly live?: Client;
  /** Sends hashes in place of documents: `{ sha256 }`, or `{ generateHash }` for trusted documents. */
  readonly persisted?: PersistedQueryLink.Options;
  /** What mutations change in the cache. */
  readonly updates?: MutationUpdates;
}

/** Credential, name of the application, retries and stale lists by HTTP; subscriptions over the socket. */
export function hallpassLink({ url, live, persisted, client, updates, ...options }: ApolloLinkOptions): ApolloLink {
  const http = new HttpLink({
    uri: url,
    fetch: hallpassFetch(options),
    ...(client === undefined ? {} : { clientAwareness: { ...client } }),
  });
  const persistedLink = persisted === undefined ? [] : [new PersistedQueryLink(persisted)];
  const requests = ApolloLink.from([staleLink(updates), ...persistedLink, http]);
  if (live === undefined) return requests;
  const isSubscription = ({ operationType }: ApolloLink.Operation): boolean =>
    operationType === OperationTypeNode.SUBSCRIPTION;
  return ApolloLink.split(isSubscription, liveLink(live), requests);
}

export interface HallpassApolloOptions extends Omit<ApolloLinkOptions, "live"> {
  /** Address of the socket. Without it, there are no subscriptions. */
  readonly liveUrl?: string;
  /** Further options of the socket. `onGap` refetches all active queries, unless it is given. */
  readonly liveOptions?: Omit<LiveClientOptions, "url" | "credentials">;
  readonly cache?: ApolloCache;
}

/** An Apollo client, with its socket. */
export interface HallpassApollo {
  readonly client: ApolloClient;
  readonly live: LiveClient | undefined;
  /** Ends the client and its socket, and empties its cache. */
  close(): void;
}

/** Empties the cache for another user, and sends the displayed queries again. Their errors are those of the queries. */
function reset(client: ApolloClient): void {
  client.resetStore().catch(() => undefined);
}

export function createHallpassApollo(options: HallpassApolloOptions): HallpassApollo {
  const { liveUrl, liveOptions, cache = hallpassCache(), ...rest } = options;
  const { credentials } = options;
  const live =
    liveUrl === undefined
      ? undefined
      : createLiveClient({
          onGap: () => refetchDisplayed(client),
          ...liveOptions,
          url: liveUrl,
          ...(credentials === undefined ? {} : { credentials }),
        });
  const link = hallpassLink({ ...rest, ...(live === undefined ? {} : { live }) });
  const update = cacheUpdater(options.updates);
  const client = new ApolloClient({ link, cache, defaultOptions: { mutate: { update } } });
  const stop = credentials?.onChange?.(() => reset(client));
  const close = (): void => {
    stop?.();
    client.stop();
    void live?.dispose();
    client.clearStore().catch(() => undefined);
  };
  return { client, live, close };
}
