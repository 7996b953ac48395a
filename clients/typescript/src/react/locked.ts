import { createElement, Fragment, type ReactNode } from "react";
import { missingTier } from "../errors/fields.js";
import type { HallpassError } from "../errors/error.js";
import { hallpassErrors } from "../errors/parse.js";

/** Why content is locked. */
export interface Lock {
  /** The tier that the caller lacks, such as `premium`. Null if another requirement is unmet. */
  readonly tier: string | null;
  readonly missing: readonly string[];
  readonly rule: string | null;
  /** A sentence to show to the user. */
  readonly message: string;
}

export interface LockedProps {
  /** The error of the query: of any client, or a list of GraphQL errors. */
  readonly error: unknown;
  /** Only errors of this field count: the names of its path without list positions, such as `chapter.personalized`. */
  readonly path?: string;
  /** What is rendered if the content is locked. Default: the message. */
  readonly fallback?: (lock: Lock) => ReactNode;
  /** The content. */
  readonly children?: ReactNode;
}

function isAt(error: HallpassError, path: string | undefined): boolean {
  return path === undefined || error.path.filter((part) => typeof part === "string").join(".") === path;
}

/** The lock that a FORBIDDEN error states, or undefined. */
export function lockOf(error: unknown, path?: string): Lock | undefined {
  for (const one of hallpassErrors(error)) {
    if (one.code !== "FORBIDDEN" || !isAt(one, path)) continue;
    const { missing, rule } = one.extensions;
    return { tier: missingTier(missing), missing, rule, message: one.message };
  }
  return undefined;
}

function Message({ message }: Lock): ReactNode {
  return createElement("p", { role: "note" }, message);
}

/** Renders its children, or the locked state if `error` has a FORBIDDEN error. */
export function Locked({ error, path, fallback = Message, children }: LockedProps): ReactNode {
  const lock = lockOf(error, path);
  return lock === undefined ? createElement(Fragment, null, children) : fallback(lock);
}
