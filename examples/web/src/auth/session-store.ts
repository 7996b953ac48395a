import { cookieCredentials, type CookieCredentials } from "@hallpass/client";
import { authClient } from "./client";
import { dropKept } from "./kept";
import { isSignedOut } from "./sign-out";

/** Who is signed in. */
export interface Signed {
  /** Null: no user is signed in. */
  readonly userId: string | null;
  readonly sessionId: string | null;
  /** Whether a session ended without a sign-out in this browser. */
  readonly hasEnded: boolean;
}

export interface SessionState {
  /** The last answer of the auth server. Undefined: there was none yet. */
  readonly signed: Signed | undefined;
  /** Whether the auth server did not answer the last question. */
  readonly hasFailed: boolean;
}

type Answer = typeof authClient.$Infer.Session | null;

export const guest: Signed = { userId: null, sessionId: null, hasEnded: false };

const listeners = new Set<() => void>();
let state: SessionState = { signed: undefined, hasFailed: false };
let questions = 0;

function set(next: SessionState): void {
  state = next;
  for (const listener of [...listeners]) listener();
}

function next(last: Signed | undefined, answer: Answer): Signed {
  if (answer !== null) return { userId: answer.user.id, sessionId: answer.session.id, hasEnded: false };
  if (last === undefined || last.sessionId === null) return last ?? guest;
  const isDeliberate = isSignedOut(last.sessionId);
  if (isDeliberate) dropKept();
  return { ...guest, hasEnded: !isDeliberate };
}

function note(answer: Answer): void {
  const { signed } = state;
  const isSame = signed !== undefined && signed.sessionId === (answer?.session.id ?? null);
  set({ signed: isSame ? signed : next(signed, answer), hasFailed: false });
}

/** No session, or the one of a banned user. */
const isGuest = (status: number | undefined): boolean => status === 401 || status === 403;

/** Asks the auth server, and has the page show the answer to the latest question. */
async function ask(path: string, options: { readonly method: "GET" }): Promise<unknown> {
  const question = (questions += 1);
  const isLatest = (): boolean => question === questions;
  try {
    const result = await authClient.$fetch<Answer>(path, options);
    if (!isLatest()) return result;
    if (result.error === null || isGuest(result.error.status)) note(result.data);
    else set({ ...state, hasFailed: true });
    return result;
  } catch (error) {
    if (isLatest()) set({ ...state, hasFailed: true });
    throw error;
  }
}

/**
 * The session cookie. It asks who is signed in, and again after each sign-in and sign-out in any tab: the page reads
 * these answers, so that there is one question for both.
 */
export const cookie: CookieCredentials = cookieCredentials({ $fetch: ask, $store: authClient.$store });

addEventListener("online", () => {
  if (state.hasFailed) cookie.renew();
});

export const readSession = (): SessionState => state;

export function subscribeToSession(listener: () => void): () => void {
  listeners.add(listener);
  const stop = cookie.onChange(() => undefined); // the first listener has it ask
  return () => {
    stop();
    listeners.delete(listener);
  };
}
