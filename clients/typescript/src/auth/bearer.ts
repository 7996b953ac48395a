/** A token of the application. */
import { createListeners } from "../listeners.js";
import { sessionEnded, type ChangeListener, type SessionChange } from "./change.js";
import type { Credentials } from "./credentials.js";

/** A token, or none. */
export type Token = string | null | undefined;

/** Credentials that are a token of the application. */
export interface BearerCredentials extends Credentials {
  /** Call it when the token is another user's, or there is none any more: sockets connect again. */
  changed(): void;
  onChange(listener: ChangeListener): () => void;
}

/** The headers of a token. */
export function bearerHeaders(token: Token): Readonly<Record<string, string>> {
  return token === null || token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** Which change it is that there is a token, or none. Counts the ends of sessions. */
function createUser() {
  const listeners = createListeners<SessionChange>();
  let isSignedIn = false;
  let ends = 0;
  const note = (hasToken: boolean, isReported: boolean): void => {
    const wasSignedIn = isSignedIn;
    isSignedIn = hasToken;
    const isEnded = wasSignedIn && !hasToken;
    if (isEnded || (isReported && wasSignedIn)) ends += 1;
    if (isEnded || isReported) listeners.notify(isEnded ? "ended" : "changed");
  };
  return { note, onChange: listeners.add, ends: () => ends };
}

/**
 * A token that `get` returns for each request, or none. The session has ended when it returned a token before, and none
 * now. `renew` is called after the server rejected the token: another one is requested, or there is none any more.
 */
export function bearerToken(get: () => Promise<Token> | Token, renew?: () => void): BearerCredentials {
  const user = createUser();
  /** The changes that are not reported yet, as `get` has not answered. */
  let reports: Promise<unknown> = Promise.resolve();
  const hasToken = (token: Token): boolean => "authorization" in bearerHeaders(token);
  const report = (has: boolean): void => user.note(has, true);
  return {
    mode: "omit",
    headers: async () => {
      const before = user.ends();
      const token = await get();
      await reports;
      if (user.ends() === before) user.note(hasToken(token), false);
      if (user.ends() !== before) throw sessionEnded();
      return bearerHeaders(token);
    },
    renew: () => renew?.(),
    changed: () => {
      const token = get();
      if (typeof token !== "object" || token === null) return report(hasToken(token));
      // In the order of the calls. If it is not known whether there is a token, another user may be signed in.
      reports = Promise.allSettled([token, reports]).then(([answer]) => report(answer.status === "rejected" || hasToken(answer.value)));
    },
    onChange: user.onChange,
  };
}
