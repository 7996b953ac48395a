/** Better Auth's JWT: cached, fetched once at a time, renewed before it expires, forgotten when the session ends. */
import { bearerHeaders } from "./bearer.js";
import type { ChangeListener } from "./change.js";
import type { Credentials } from "./credentials.js";
import { lifetime, subject } from "./jwt.js";
import { createSession } from "./session.js";
import { isAuthClient, listenToSessions, tokenSource, type AuthClient, type AuthEndpoint } from "./source.js";

export interface TokenOptions {
  /** How long before its expiry a token is renewed. Milliseconds; at most half of its lifetime. Default: 60,000. */
  readonly renewBefore?: number;
  /** Name of the channel between tabs. Set it if pages of one origin use several auth servers. */
  readonly channel?: string;
}

/** Credentials that are a token. */
export interface TokenCredentials extends Credentials {
  /** The token, or null if no user is signed in. Fails with UNAUTHENTICATED for the request that finds a session ended. */
  get(): Promise<string | null>;
  /** Forgets the token, in every tab: call it after a sign-out that Better Auth's client did not perform. */
  forget(): void;
  onChange(listener: ChangeListener): () => void;
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
  const drop = (): void => void (cached = undefined);

  const session = createSession({
    ask: async () => {
      const age = stopwatch();
      const token = await fetchToken();
      return { user: token === null ? null : subject(token), token, age };
    },
    channel: options.channel ?? "hallpass-token",
    onAnswer: ({ token, age }) => (cached = token === null ? undefined : cache(token, age, renewBefore)),
    onReport: drop,
  });

  const current = async (): Promise<string | null> => {
    const known = cached;
    if (known !== undefined && known.age() < known.renewAt) return known.token;
    try {
      await session.check();
    } catch (error) {
      // Valid for a moment, while the auth server is unavailable.
      if (known !== undefined && known === cached && known.age() < known.expiresAt) return known.token;
      throw error;
    }
    return cached?.token ?? null;
  };

  if (isAuthClient(source)) listenToSessions(source, session.reportToTabs);
  const get = (): Promise<string | null> => session.guard(current);
  return {
    mode: "omit",
    get,
    headers: async () => bearerHeaders(await get()),
    renew: () => {
      drop();
      session.checkAgain();
    },
    onChange: session.onChange,
    forget: session.reportToTabs,
    close: session.close,
  };
}
