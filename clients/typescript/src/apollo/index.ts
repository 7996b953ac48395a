/** Apollo Client 4 for Hallpass. */
import { ApolloClient, ApolloLink, HttpLink, type ApolloCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import type { Client } from "graphql-ws";
import { hallpassFetch, type FetchOptions } from "../http/fetch.js";
import { createLiveClient, type LiveClientOptions } from "../ws/index.js";
import { cacheUpdater, hallpassCache } from "./cache.js";

export { cacheUpdater, hallpassCache } from "./cache.js";
export { connectionPolicy, typePolicies } from "./pagination.js";

export interface ApolloLinkOptions extends FetchOptions {
  /** Address of the GraphQL endpoint. */
  readonly url: string;
  /** The client of subscriptions. Default: none. */
  readonly live?: Client;
  /** Sends hashes in place of documents: `{ sha256 }`, or `{ generateHash }` for trusted documents. */
  readonly persisted?: PersistedQueryLink.Options;
}

/** Credential, name of the application and retries by HTTP; subscriptions over the socket. */
export function hallpassLink({ url, live, persisted, client, ...options }: ApolloLinkOptions): ApolloLink {
  const http = new HttpLink({
    uri: url,
    fetch: hallpassFetch(options),
    ...(client === undefined ? {} : { clientAwareness: { ...client } }),
  });
  const requests = persisted === undefined ? http : ApolloLink.from([new PersistedQueryLink(persisted), http]);
  if (live === undefined) return requests;
  const isSubscription = ({ operationType }: ApolloLink.Operation): boolean =>
    operationType === OperationTypeNode.SUBSCRIPTION;
  return ApolloLink.split(isSubscription, new GraphQLWsLink(live), requests);
}

export interface HallpassApolloOptions extends Omit<ApolloLinkOptions, "live"> {
  /** Address of the socket. Without it, there are no subscriptions. */
  readonly liveUrl?: string;
  /** Further options of the socket. `onGap` refetches all active queries, unless it is given. */
  readonly liveOptions?: Omit<LiveClientOptions, "url" | "credentials">;
  readonly cache?: ApolloCache;
  /** The `update` of mutations. */
  readonly update?: ReturnType<typeof cacheUpdater>;
}

/** An Apollo client, with its socket. */
export interface HallpassApollo {
  readonly client: ApolloClient;
  readonly live: Client | undefined;
}

export function createHallpassApollo(options: HallpassApolloOptions): HallpassApollo {
  const { liveUrl, liveOptions, cache = hallpassCache(), update = cacheUpdater(), ...rest } = options;
  const refetch = (): void => void client.refetchQueries({ include: "active" });
  const { credentials } = options;
  const live =
    liveUrl === undefined
      ? undefined
      : createLiveClient({
          onGap: refetch,
          ...liveOptions,
          url: liveUrl,
          ...(credentials === undefined ? {} : { credentials }),
        });
  const link = hallpassLink({ ...rest, ...(live === undefined ? {} : { live }) });
  const client = new ApolloClient({ link, cache, defaultOptions: { mutate: { update } } });
  return { client, live };
}
