/** The extensions of each error code, as docs/errors.md of Hallpass describes them. */
import type { JsonObject } from "../json.js";

export interface CommonExtensions {
  /** ID of the request, as in the log of the server. */
  readonly requestId: string | null;
}

export interface AccessExtensions extends CommonExtensions {
  /** The rule of the field. Null if the request as a whole was rejected. */
  readonly rule: string | null;
  /** Unmet requirements of the rule, such as `TIER(premium)`. */
  readonly missing: readonly string[];
  /** ID of the decision in the audit log. */
  readonly decisionId: string | null;
}

export interface ConflictExtensions extends CommonExtensions {
  /** The version of the row. Null if an idempotency key was reused. */
  readonly currentVersion: number | null;
}

export interface RetryExtensions extends CommonExtensions {
  /** Seconds to wait. Null if the server did not state them. */
  readonly retryAfterSeconds: number | null;
}

export interface RejectedExtensions extends CommonExtensions {
  /** The limit that was exceeded. Null if the server did not state it. */
  readonly limit: number | null;
}

/** Why an input is invalid. */
export type InputProblemKind =
  | "REQUIRED"
  | "TOO_LONG"
  | "TOO_MANY"
  | "OUT_OF_RANGE"
  | "WRONG_TYPE"
  | "UNKNOWN_FIELD"
  | "CONFLICTING"
  | "TAKEN"
  | "INVALID";

export interface InputProblem {
  /** Path of the input, such as `input.tags.3`. */
  readonly path: string;
  readonly problem: InputProblemKind;
  readonly limit: number | null;
  readonly message: string;
}

export interface InputExtensions extends CommonExtensions {
  /** A message for each invalid input, by its path. */
  readonly fields: Readonly<Record<string, string>>;
  readonly problems: readonly InputProblem[];
}

export interface UnknownExtensions extends CommonExtensions {
  /** The code of the server, if this client does not know it. */
  readonly serverCode: string | null;
}

/**
 * The extensions by code. An application with codes of its own declares them, and calls `registerErrorCode`:
 * `declare module "@hallpass/client" { interface ErrorExtensions { QUOTA: CommonExtensions } }`.
 */
export interface ErrorExtensions {
  UNAUTHENTICATED: AccessExtensions;
  FORBIDDEN: AccessExtensions;
  REAUTHENTICATION_REQUIRED: AccessExtensions;
  NOT_FOUND: CommonExtensions;
  BAD_USER_INPUT: InputExtensions;
  CONFLICT: ConflictExtensions;
  GRAPHQL_PARSE_FAILED: CommonExtensions;
  GRAPHQL_VALIDATION_FAILED: CommonExtensions;
  PERSISTED_QUERY_NOT_FOUND: CommonExtensions;
  PERSISTED_QUERY_NOT_SUPPORTED: CommonExtensions;
  QUERY_REJECTED: RejectedExtensions;
  RATE_LIMITED: RetryExtensions;
  EVENTS_MISSED: CommonExtensions;
  AUTH_UNAVAILABLE: RetryExtensions;
  UNAVAILABLE: RetryExtensions;
  TIMEOUT: RetryExtensions;
  NOT_CONFIGURED: CommonExtensions;
  INTERNAL: CommonExtensions;
  /** The client received no response. */
  NETWORK_ERROR: CommonExtensions;
  /** The error has no code that this client knows. */
  UNKNOWN_ERROR: UnknownExtensions;
}

/** Reads the extensions of a code, of which nothing is known. */
export type ExtensionsParser<C extends keyof ErrorExtensions> = (raw: JsonObject) => ErrorExtensions[C];
