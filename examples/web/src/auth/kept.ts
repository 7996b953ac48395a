import { useState } from "react";

/** What was typed and not saved, in this tab: it is there again on the next visit of its page, also after a new sign-in. */
const PREFIX = "kept:";

/** The user whose texts are kept: after a sign-out, and for another user, nothing of them is written. */
let owner: string | undefined;

const keyOf = (userId: string, name: string): string => `${PREFIX}${userId}:${name}`;

function remove(isRemoved: (key: string) => boolean): void {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX) && isRemoved(key)) sessionStorage.removeItem(key);
}

/** Removes what was typed, such as at a sign-out. */
export function dropKept(): void {
  owner = undefined;
  remove(() => true);
}

/** Keeps what this user types, and removes what other users typed. */
export function keepFor(userId: string): void {
  owner = userId;
  remove((key) => !key.startsWith(keyOf(userId, "")));
}

/** Whether the value has the parts of the other one, with the same types. */
function isLike<T extends object>(value: unknown, other: T): value is T {
  if (typeof value !== "object" || value === null) return false;
  const parts = new Map(Object.entries(value));
  return Object.entries(other).every(([name, part]) => typeof parts.get(name) === typeof part);
}

function read<T extends object>(key: string, initial: T): T | undefined {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(key) ?? "null");
    return isLike(value, initial) ? value : undefined;
  } catch {
    return undefined;
  }
}

function write(key: string, value: object): void {
  if (owner !== undefined && key.startsWith(keyOf(owner, ""))) sessionStorage.setItem(key, JSON.stringify(value));
}

export interface Kept<T> {
  /** What was typed, or the initial value. */
  readonly value: T;
  readonly isTyped: boolean;
  readonly set: (value: T) => void;
  /** Has this be what was typed, unless something else is being typed already. */
  readonly restore: (value: T) => void;
  /** Forgets what was typed: it was saved or discarded. */
  readonly drop: () => void;
}

/** State of a form that outlives its page and the session of the user. */
export function useKept<T extends object>(userId: string, name: string, initial: T): Kept<T> {
  const key = keyOf(userId, name);
  const [typed, setTyped] = useState(() => read(key, initial));
  const set = (next: T): void => {
    write(key, next);
    setTyped(next);
  };
  const restore = (last: T): void => {
    if (sessionStorage.getItem(key) === null) write(key, last);
    setTyped((current) => current ?? last);
  };
  const drop = (): void => {
    sessionStorage.removeItem(key);
    setTyped(undefined);
  };
  return { value: typed ?? initial, isTyped: typed !== undefined, set, restore, drop };
}

/** The rest of the names of what the user typed that begin with this one. */
export function keptNames(userId: string, name: string): readonly string[] {
  const start = keyOf(userId, name);
  return Object.keys(sessionStorage).flatMap((key) => (key.startsWith(start) ? [key.slice(start.length)] : []));
}
