/** Better Auth's JWT: cached, fetched once at a time, renewed before it expires, forgotten at sign-out. */
import { bearerToken, type Credentials } from "./credentials.js";
import { lifetime } from "./jwt.js";
import { connectTabs } from "./tabs.js";
import { isAuthClient, tokenSource, type AuthClient, type AuthEndpoint } from "./token-source.js";

export interface TokenOptions {
  /** How long before its expiry a token is renewed. Milliseconds; at most half of its lifetime. Default: 60,000. */
  readonly renewBefore?: number;
  /** Name of the channel between tabs. Set it if pages of one origin use several auth servers. */
  readonly channel?: string;
}

/** Credentials that are a token. */
export interface TokenCredentials extends Credentials {
  /** The token, or null if no user is signed in. */
  get(): Promise<string | null>;
  /** Forgets the token, in every tab: call it after a sign-out that Better Auth's client did not perform. */
  forget(): void;
  /** Ends the messages between tabs. */
  close(): void;
}

interface Cached {
  readonly token: string;
  /** Times of `performance.now()`, which no change of the clock moves. */
  readonly renewAt: number;
  readonly expiresAt: number;
}

function cache(token: string, fetchedAt: number, renewBefore: number): Cached {
  const life = lifetime(token);
  const margin = Math.min(renewBefore, life / 2);
  return { token, renewAt: fetchedAt + life - margin, expiresAt: fetchedAt + life };
}

/** The JWT of Better Auth's `jwt` plugin, for requests and sockets. */
export function betterAuthToken(source: AuthClient | AuthEndpoint, options: TokenOptions = {}): TokenCredentials {
  const fetchToken = tokenSource(source);
  const renewBefore = options.renewBefore ?? 60_000;
  let cached: Cached | undefined;
  let pending: Promise<string | null> | undefined;

  // The request that was sent before this call may still return a token of the previous session: it is not cached.
  const drop = (): void => {
    cached = undefined;
    pending = undefined;
  };
  const listeners = new Set<() => void>();
  const change = (): void => {
    drop();
    for (const listener of [...listeners]) listener();
  };
  const tabs = connectTabs(options.channel ?? "hallpass-token", change);
  const forget = (): void => {
    change();
    tabs.send();
  };
  const onChange = (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };

  const renewed = (): Promise<string | null> => {
    if (pending !== undefined) return pending;
    const fetchedAt = performance.now();
    const current = fetchToken()
      .then((token) => {
        if (pending === current) cached = token === null ? undefined : cache(token, fetchedAt, renewBefore);
        return token;
      })
      .finally(() => {
        if (pending === current) pending = undefined;
      });
    pending = current;
    return current;
  };

  const get = async (): Promise<string | null> => {
    const { token, renewAt, expiresAt } = cached ?? { token: null, renewAt: 0, expiresAt: 0 };
    const now = performance.now();
    if (now < renewAt) return token;
    try {
      return await renewed();
    } catch (error) {
      if (now < expiresAt) return token; // valid for a moment, while the auth server is unavailable
      throw error;
    }
  };

  if (isAuthClient(source)) listenToSessions(source, forget);
  return { ...bearerToken(get, drop), onChange, get, forget, close: () => tabs.close() };
}

/** Calls `changed` after each sign-in, sign-out and change of the user by Better Auth's client. */
function listenToSessions(client: AuthClient, changed: () => void): void {
  let isSubscribed = false;
  client.$store.listen("$sessionSignal", () => {
    if (isSubscribed) changed();
  });
  isSubscribed = true; // subscribing calls the listener once, with the current value
}
