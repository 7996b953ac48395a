import type { ApolloClient } from "@apollo/client";
import {
  anonymous,
  betterAuthToken,
  singleUser,
  type CookieCredentials,
  type TokenCredentials,
} from "@hallpass/client";
import { createHallpassApollo } from "@hallpass/client/apollo";
import type { ConnectionState } from "@hallpass/client/ws";
import { authClient } from "../auth/client";
import { cookie } from "../auth/session-store";
import { graphqlUrl, liveUrl } from "../config";
import type { CredentialKind } from "./credential";
import { refresh, refreshOnline } from "./refresh";

type Session = CookieCredentials | TokenCredentials;

let token: TokenCredentials | undefined;

/** One of each kind for the life of the page: it notices sign-ins and sign-outs, in every tab. */
const sessionOf = (kind: CredentialKind): Session => (kind === "jwt" ? (token ??= betterAuthToken(authClient)) : cookie);

/** Waits until it is known who is signed in, after a sign-in or sign-out, or until the sign-in service does not answer. */
export async function settled(kind: CredentialKind): Promise<void> {
  await sessionOf(kind).headers().catch(() => undefined);
}

/** Waits until the page has shown who is signed in, after a change. */
export async function shown(kind: CredentialKind): Promise<void> {
  // Only the cookie's question is about the session.
  if (kind === "jwt") cookie.renew();
  await settled("cookie");
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** Calls the listener when another user may have signed in, or the session has ended. */
export const onSessionChange = (kind: CredentialKind, listener: () => void): (() => void) => sessionOf(kind).onChange(listener);

/** A client of the API for one user. */
export interface Connection {
  readonly client: ApolloClient;
  /** Calls the listener with the state of the socket, and with each one after it. */
  onState(listener: (state: ConnectionState) => void): () => void;
  close(): void;
}

/** Opens a client. Its cache and its socket are never those of another user, and after a change it sends nothing. */
export function connect(isGuest: boolean, kind: CredentialKind): Connection {
  const user = singleUser(sessionOf(kind));
  const liveOptions = { onGap: () => refresh(api.client) };
  const api = createHallpassApollo({ url: graphqlUrl, liveUrl, liveOptions, credentials: isGuest ? anonymous() : user });
  const onState: Connection["onState"] = (listener) => api.live?.onConnection(listener) ?? (() => undefined);
  const stopRefresh = refreshOnline(api.client);
  const close = (): void => {
    stopRefresh();
    user.close();
    api.close();
  };
  return { client: api.client, onState, close };
}
