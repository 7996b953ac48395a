/** The session of this browser: which user is signed in, and when that changes, in every tab. */
import { createListeners } from "../listeners.js";
import { sessionEnded, type ChangeListener, type SessionChange } from "./change.js";
import { connectTabs, type TabUser } from "./tabs.js";

/** What the auth server answered. */
export interface Answer {
  /** An id of the user. Null: no user is signed in. */
  readonly user: string | null;
}

export interface SessionOptions<A extends Answer> {
  /** Asks the auth server. Fails if it is unavailable. */
  readonly ask: () => Promise<A>;
  /** Name of the channel between tabs. */
  readonly channel: string;
  /** Called with each answer, before the listeners. */
  readonly onAnswer?: (answer: A) => void;
  /** Called when the user may have changed. */
  readonly onReport?: () => void;
}

export interface Session {
  /** An id of the user. Null: no user is signed in. Undefined: not known yet. */
  user(): string | null | undefined;
  /** Asks the auth server, unless it was asked already. */
  begin(): void;
  /** Asks the auth server: once at a time. */
  check(): Promise<void>;
  /** Asks the auth server, also if it was asked before and did not answer yet. */
  checkAgain(): void;
  /** Waits for a check that runs, if it is not the first one. What is known stays if it fails. */
  confirm(): Promise<void>;
  /** The user may have changed: nothing is sent until the auth server has answered. */
  report(): void;
  /** The same, in every tab. */
  reportToTabs(): void;
  /** Performs the action when the user is known. Fails if the user that was signed in is not any more. */
  guard<T>(action: () => Promise<T>): Promise<T>;
  onChange(listener: ChangeListener): () => void;
  /** Ends the messages between tabs. */
  close(): void;
}

export function createSession<A extends Answer>({ ask, channel, onAnswer, onReport }: SessionOptions<A>): Session {
  const listeners = createListeners<SessionChange>();
  let user: TabUser;
  let isReported = false;
  /** How often a user was no longer signed in. */
  let ends = 0;
  let latest = Promise.resolve();
  let isRunning = false;

  const note = (answer: A): void => {
    const [previous, wasReported] = [user, isReported];
    [user, isReported] = [answer.user, false];
    onAnswer?.(answer);
    if (user === previous) return;
    tabs.send(user);
    if (previous === undefined && !wasReported) return;
    if (previous !== null) ends += 1;
    listeners.notify(user === null && previous !== undefined ? "ended" : "changed");
  };

  const start = (): Promise<void> => {
    const current: Promise<void> = ask()
      .then(
        (answer) => {
          if (latest === current) return note(answer);
          // It may be of the previous session: the latest question counts.
          if (user === undefined) user = answer.user;
          return latest;
        },
        (error: unknown) => {
          if (latest === current) throw error;
          return latest;
        },
      )
      .finally(() => {
        if (latest === current) isRunning = false;
      });
    [latest, isRunning] = [current, true];
    return current;
  };
  const check = (): Promise<void> => (isRunning ? latest : start());
  const checkAgain = (): void => void start().catch(() => undefined); // `guard` asks again
  const report = (): void => {
    isReported = true;
    onReport?.();
    checkAgain();
  };
  const settle = async (): Promise<void> => {
    while (isReported) await check();
  };

  const tabs = connectTabs(channel, (other) => {
    if (other === undefined || (user !== undefined && other !== user)) report();
    else if (user === undefined && isRunning) checkAgain();
  });
  return {
    user: () => user,
    begin: () => {
      if (user === undefined && !isRunning) checkAgain();
    },
    check,
    checkAgain,
    confirm: async () => {
      if (user !== undefined) await latest.catch(() => undefined);
    },
    report,
    reportToTabs: () => {
      report();
      tabs.send(undefined);
    },
    guard: async (action) => {
      const before = ends;
      await settle();
      const result = await action();
      await settle();
      if (ends !== before) throw sessionEnded();
      return result;
    },
    onChange: listeners.add,
    close: () => tabs.close(),
  };
}
