import { createElement, Fragment, type ReactNode } from "react";
import { missingTier } from "../errors/fields.js";
import type { HallpassError } from "../errors/error.js";
import { hallpassErrors } from "../errors/parse.js";

/** Why content is locked. */
export interface Lock {
  /** Whether no user is signed in. */
  readonly isAnonymous: boolean;
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

/** The lock that one error states: FORBIDDEN, or for an anonymous caller UNAUTHENTICATED with the rule of the field. */
function toLock(error: HallpassError): Lock | undefined {
  if (error.code !== "FORBIDDEN" && error.code !== "UNAUTHENTICATED") return undefined;
  const { missing, rule } = error.extensions;
  // The credential was rejected: that is a matter of the request, not of the content.
  if (error.code === "UNAUTHENTICATED" && rule === null) return undefined;
  return { isAnonymous: error.code === "UNAUTHENTICATED", tier: missingTier(missing), missing, rule, message: error.message };
}

/** The lock that the first such error states, or undefined. */
export function lockOf(error: unknown, path?: string): Lock | undefined {
  for (const one of hallpassErrors(error)) {
    const lock = isAt(one, path) ? toLock(one) : undefined;
    if (lock !== undefined) return lock;
  }
  return undefined;
}

function Message({ message }: Lock): ReactNode {
  return createElement("p", { role: "note" }, message);
}

/** Renders its children, or the locked state if an access rule denies the content. */
export function Locked({ error, path, fallback = Message, children }: LockedProps): ReactNode {
  const lock = lockOf(error, path);
  return lock === undefined ? createElement(Fragment, null, children) : fallback(lock);
}
