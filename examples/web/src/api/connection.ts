import type { ApolloClient } from "@apollo/client";
import {
  anonymous,
  betterAuthToken,
  cookieCredentials,
  singleUser,
  type CookieCredentials,
  type TokenCredentials,
} from "@hallpass/client";
import { createHallpassApollo } from "@hallpass/client/apollo";
import { authClient } from "../auth/client";
import { graphqlUrl, liveUrl } from "../config";
import type { CredentialKind } from "./credential";

type Session = CookieCredentials | TokenCredentials;

const sessions = new Map<CredentialKind, Session>();

/** One of each kind for the life of the page: it notices sign-ins and sign-outs, in every tab. */
function sessionOf(kind: CredentialKind): Session {
  const session = sessions.get(kind) ?? (kind === "jwt" ? betterAuthToken(authClient) : cookieCredentials(authClient));
  sessions.set(kind, session);
  return session;
}

/** Waits until it is known who is signed in, after a sign-in or sign-out, or until the sign-in service does not answer. */
export async function settled(kind: CredentialKind): Promise<void> {
  await sessionOf(kind).headers().catch(() => undefined);
}

/** Calls the listener when another user may have signed in, or the session has ended. */
export const onSessionChange = (kind: CredentialKind, listener: () => void): (() => void) => sessionOf(kind).onChange(listener);

/** A client of the API for one user. */
export interface Connection {
  readonly client: ApolloClient;
  close(): void;
}

/** Opens a client. Its cache and its socket are never those of another user, and after a change it sends nothing. */
export function connect(isGuest: boolean, kind: CredentialKind): Connection {
  const user = singleUser(sessionOf(kind));
  const api = createHallpassApollo({ url: graphqlUrl, liveUrl, credentials: isGuest ? anonymous() : user });
  // What was changed meanwhile is not known. What is displayed stays if a query fails.
  const onOnline = (): void => void api.client.refetchQueries({ include: "active" }).catch(() => undefined);
  addEventListener("online", onOnline);
  const close = (): void => {
    removeEventListener("online", onOnline);
    user.close();
    api.close();
  };
  return { client: api.client, close };
}
