/** Better Auth's session cookie, and which user it is of. */
import type { ChangeListener } from "./change.js";
import type { Credentials } from "./credentials.js";
import { createSession } from "./session.js";
import { isAuthClient, listenToSessions, sessionSource, userIdOf, type AuthClient, type AuthEndpoint } from "./source.js";
import { onVisible } from "./visible.js";

/**
 * The header that names the user whom the page shows. The browser sends the cookie of the current session, which another
 * tab may have changed a moment ago: the server rejects it then.
 */
const EXPECTED_USER = "hallpass-user";

export interface CookieOptions {
  /** Name of the channel between tabs. Set it if pages of one origin use several auth servers. */
  readonly channel?: string;
}

/** Credentials that are the cookie of a session. */
export interface CookieCredentials extends Credentials {
  onChange(listener: ChangeListener): () => void;
  /** Asks who is signed in, in every tab: call it after a sign-in or sign-out that Better Auth's client did not perform. */
  changed(): void;
  /** Ends the messages between tabs. */
  close(): void;
}

/** A Better Auth session cookie, which the browser sends. Without the auth client, a change of the user is not noticed. */
export function cookieCredentials(): Credentials;
/**
 * A Better Auth session cookie, which the browser sends. The auth server is asked who is signed in: at the beginning,
 * after a sign-in or sign-out in any tab, when the page is visible again or gets the focus, and after a rejected request.
 */
export function cookieCredentials(source: AuthClient | AuthEndpoint, options?: CookieOptions): CookieCredentials;
export function cookieCredentials(source?: AuthClient | AuthEndpoint, options: CookieOptions = {}): Credentials {
  if (source === undefined) return { mode: "include", headers: async () => ({}), renew: () => undefined };
  const session = createSession({ ask: sessionSource(source), channel: options.channel ?? "hallpass-session" });
  const check = (): void => void session.check().catch(() => undefined);
  if (isAuthClient(source)) listenToSessions(source, session.reportToTabs);
  const stop = onVisible(check);
  const known = async (): Promise<Readonly<Record<string, string>>> => {
    session.begin();
    await session.confirm();
    const user = session.user();
    return user === undefined ? {} : { [EXPECTED_USER]: encodeURIComponent(userIdOf(user)) };
  };
  const credentials: CookieCredentials = {
    mode: "include",
    headers: () => session.guard(known),
    renew: session.checkAgain,
    onChange: (listener) => {
      if (typeof document !== "undefined") session.begin();
      return session.onChange(listener);
    },
    changed: session.reportToTabs,
    close: () => {
      stop();
      session.close();
    },
  };
  return credentials;
}
