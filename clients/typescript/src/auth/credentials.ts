/** What authenticates the requests of a client. */
export interface Credentials {
  /** Whether the browser sends cookies to the server. */
  readonly mode: RequestCredentials;
  /**
   * Headers of a request. Without a credential, they are empty. Fails if it is not known whether there is one, such as
   * while the auth server is unavailable.
   */
  headers(): Promise<Readonly<Record<string, string>>>;
  /** Drops the credential after the server rejected it. The next `headers()` has a new one, if there is one. */
  renew(): void;
  /** Calls the listener when another user signs in, or the user signs out: sockets then connect again. */
  onChange?(listener: () => void): () => void;
}

/** A Better Auth session cookie, which the browser sends. */
export function cookieCredentials(): Credentials {
  return { mode: "include", headers: async () => ({}), renew: () => undefined };
}

/** No credential: the caller is anonymous. */
export function anonymous(): Credentials {
  return { mode: "omit", headers: async () => ({}), renew: () => undefined };
}

/** Credentials that are a token of the application. */
export interface BearerCredentials extends Credentials {
  /** Call it when the token is another user's, or there is none any more: sockets connect again. */
  changed(): void;
  onChange(listener: () => void): () => void;
}

/** A token that `get` returns for each request, or null. `renew` is called after the server rejected it. */
export function bearerToken(get: () => Promise<string | null> | string | null, renew?: () => void): BearerCredentials {
  const listeners = new Set<() => void>();
  return {
    mode: "omit",
    async headers(): Promise<Readonly<Record<string, string>>> {
      const token = await get();
      return token === null ? {} : { authorization: `Bearer ${token}` };
    },
    renew: () => renew?.(),
    changed: () => [...listeners].forEach((listener) => listener()),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
