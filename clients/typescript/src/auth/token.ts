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
  /** How old the token may become, in milliseconds: until it is renewed, and until it expires. */
  readonly renewAt: number;
  readonly expiresAt: number;
  readonly age: () => number;
}

/** Time since this call. One clock stops while the device sleeps, and the other one may be set back: the later counts. */
function stopwatch(): () => number {
  const [monotonic, wall] = [performance.now(), Date.now()];
  return () => Math.max(performance.now() - monotonic, Date.now() - wall);
}

function cache(token: string, age: () => number, renewBefore: number): Cached {
  const expiresAt = lifetime(token);
  return { token, renewAt: expiresAt - Math.min(renewBefore, expiresAt / 2), expiresAt, age };
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
  const change = (): void => {
    drop();
    changed();
  };
  const tabs = connectTabs(options.channel ?? "hallpass-token", change);
  const forget = (): void => {
    change();
    tabs.send();
  };

  const renewed = (): Promise<string | null> => {
    if (pending !== undefined) return pending;
    const age = stopwatch();
    const current = fetchToken()
      .then((token) => {
        if (pending === current) cached = token === null ? undefined : cache(token, age, renewBefore);
        return token;
      })
      .finally(() => {
        if (pending === current) pending = undefined;
      });
    pending = current;
    return current;
  };

  const get = async (): Promise<string | null> => {
    const known = cached;
    if (known !== undefined && known.age() < known.renewAt) return known.token;
    try {
      return await renewed();
    } catch (error) {
      // Valid for a moment, while the auth server is unavailable.
      if (known !== undefined && known === cached && known.age() < known.expiresAt) return known.token;
      throw error;
    }
  };

  const { changed, ...bearer } = bearerToken(get, drop);
  if (isAuthClient(source)) listenToSessions(source, forget);
  return { ...bearer, get, forget, close: () => tabs.close() };
}

/** Calls `changed` after each sign-in, sign-out and change of the user by Better Auth's client. */
function listenToSessions(client: AuthClient, changed: () => void): void {
  let isSubscribed = false;
  client.$store.listen("$sessionSignal", () => {
    if (isSubscribed) changed();
  });
  isSubscribed = true; // subscribing calls the listener once, with the current value
}
