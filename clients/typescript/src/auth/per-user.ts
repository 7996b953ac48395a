/** One client for each user: no cache and no socket of one user is used by the next. */
import { sessionEnded } from "./change.js";
import type { Credentials } from "./credentials.js";

export interface Closable {
  close(): void;
}

export interface PerUser<T extends Closable> {
  /** The client of the user that is signed in. */
  readonly current: () => T;
  /** The number of this client: another one for each user. */
  readonly number: () => number;
  /** Calls the listener when there is another client. */
  readonly subscribe: (listener: () => void) => () => void;
  /** Closes the client, and ends the watch. */
  readonly close: () => void;
}

/** The credentials of the user that is signed in now. After the next change, every request fails. */
export function singleUser(credentials: Credentials): Credentials & Closable {
  let isOver = false;
  const stop = credentials.onChange?.(() => void (isOver = true));
  const guarded = async (): Promise<Readonly<Record<string, string>>> => {
    if (isOver) throw sessionEnded();
    const headers = await credentials.headers();
    if (isOver) throw sessionEnded();
    return headers;
  };
  return {
    mode: credentials.mode,
    headers: guarded,
    renew: () => credentials.renew(),
    close: () => {
      isOver = true;
      stop?.();
    },
  };
}

/** Opens a client, and another one when another user signs in or the session ends. The last one is closed then. */
export function perUser<T extends Closable>(credentials: Credentials, open: (credentials: Credentials) => T): PerUser<T> {
  const listeners = new Set<() => void>();
  let user = singleUser(credentials);
  let client = open(user);
  let number = 1;
  const end = (): void => {
    user.close();
    client.close();
  };
  const stop = credentials.onChange?.(() => {
    end();
    user = singleUser(credentials);
    client = open(user);
    number += 1;
    for (const listener of [...listeners]) listener();
  });
  return {
    current: () => client,
    number: () => number,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      stop?.();
      end();
    },
  };
}
