import { useState } from "react";

/** What was typed and not saved, in this tab: it is there again after the same user has signed in again. */
const PREFIX = "kept:";

const keyOf = (userId: string, name: string): string => `${PREFIX}${userId}:${name}`;

function remove(isRemoved: (key: string) => boolean): void {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX) && isRemoved(key)) sessionStorage.removeItem(key);
}

/** Removes what was typed, such as at a sign-out. */
export const dropKept = (): void => remove(() => true);

/** Removes what other users typed. */
export const dropKeptOfOthers = (userId: string): void => remove((key) => !key.startsWith(keyOf(userId, "")));

/** Whether the value has the parts of the other one, with the same types. */
function isLike<T extends object>(value: unknown, other: T): value is T {
  if (typeof value !== "object" || value === null) return false;
  const parts = new Map(Object.entries(value));
  return Object.entries(other).every(([name, part]) => typeof parts.get(name) === typeof part);
}

function read<T extends object>(key: string, initial: T): T {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(key) ?? "null");
    return isLike(value, initial) ? value : initial;
  } catch {
    return initial;
  }
}

export interface Kept<T> {
  readonly value: T;
  readonly set: (value: T) => void;
  /** Forgets what was typed: it was saved or discarded. */
  readonly drop: () => void;
}

/** State of a form that outlives the session of the user. */
export function useKept<T extends object>(userId: string, name: string, initial: T): Kept<T> {
  const key = keyOf(userId, name);
  const [value, setValue] = useState(() => read(key, initial));
  const set = (next: T): void => {
    sessionStorage.setItem(key, JSON.stringify(next));
    setValue(next);
  };
  return { value, set, drop: () => sessionStorage.removeItem(key) };
}

/** The rest of the names of what the user typed that begin with this one. */
export function keptNames(userId: string, name: string): readonly string[] {
  const start = keyOf(userId, name);
  return Object.keys(sessionStorage).flatMap((key) => (key.startsWith(start) ? [key.slice(start.length)] : []));
}
