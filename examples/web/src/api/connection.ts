import type { ApolloClient } from "@apollo/client";
import { anonymous, betterAuthToken, cookieCredentials, type Credentials } from "@hallpass/client";
import { createHallpassApollo } from "@hallpass/client/apollo";
import { authClient } from "../auth/client";
import { graphqlUrl, liveUrl } from "../config";
import type { CredentialKind } from "./credential";

// One for the life of the page: it listens to the sign-ins and sign-outs of the auth client.
const token = betterAuthToken(authClient);

function credentialsOf(userId: string | null, kind: CredentialKind): Credentials {
  if (userId === null) return anonymous();
  return kind === "jwt" ? token : cookieCredentials();
}

/** A client of the API for one user. */
export interface Connection {
  readonly client: ApolloClient;
  close(): void;
}

/** Opens a client. Its cache and its socket are never those of another user. */
export function connect(userId: string | null, kind: CredentialKind, onRejected: () => void): Connection {
  const { client, live } = createHallpassApollo({
    url: graphqlUrl,
    liveUrl,
    credentials: credentialsOf(userId, kind),
    liveOptions: { onRejected },
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (response.status === 401) onRejected();
      return response;
    },
  });
  const close = (): void => {
    client.stop();
    void live?.dispose();
    void client.clearStore();
  };
  return { client, close };
}
