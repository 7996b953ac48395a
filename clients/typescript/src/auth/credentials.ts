import type { ChangeListener } from "./change.js";

/** What authenticates the requests of a client. */
export interface Credentials {
  /** Whether the browser sends cookies to the server. */
  readonly mode: RequestCredentials;
  /**
   * Headers of a request. Without a credential, they are empty. Fails if it is not known whether there is one, such as
   * while the auth server is unavailable, and with UNAUTHENTICATED if the session ended or another user signed in
   * meanwhile: the request is not sent then.
   */
  headers(): Promise<Readonly<Record<string, string>>>;
  /** Drops the credential after the server rejected it. The next `headers()` has a new one, if there is one. */
  renew(): void;
  /** Calls the listener when another user signs in, or the session ends: sockets then connect again. */
  onChange?(listener: ChangeListener): () => void;
}

/** No credential: the caller is anonymous. */
export function anonymous(): Credentials {
  return { mode: "omit", headers: async () => ({}), renew: () => undefined };
}
