import { createListeners, type ChangeListener } from "./change.js";

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

/** Credentials that are a token of the application. */
export interface BearerCredentials extends Credentials {
  /** Call it when the token is another user's, or there is none any more: sockets connect again. */
  changed(): void;
  onChange(listener: ChangeListener): () => void;
}

/** The headers of a token. */
export function bearerHeaders(token: string | null): Readonly<Record<string, string>> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** A token that `get` returns for each request, or null. `renew` is called after the server rejected it. */
export function bearerToken(get: () => Promise<string | null> | string | null, renew?: () => void): BearerCredentials {
  const listeners = createListeners();
  return {
    mode: "omit",
    headers: async () => bearerHeaders(await get()),
    renew: () => renew?.(),
    changed: () => listeners.notify("changed"),
    onChange: listeners.add,
  };
}
