/** The error codes of the contract (docs/errors.md), and those of this client. */
import type { ErrorExtensions, ExtensionsParser } from "./extensions.js";
import { parsers } from "./parsers.js";

/** Codes of the server. */
export const serverErrorCodes = [
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "REAUTHENTICATION_REQUIRED",
  "NOT_FOUND",
  "BAD_USER_INPUT",
  "CONFLICT",
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "PERSISTED_QUERY_NOT_FOUND",
  "PERSISTED_QUERY_NOT_SUPPORTED",
  "QUERY_REJECTED",
  "RATE_LIMITED",
  "EVENTS_MISSED",
  "AUTH_UNAVAILABLE",
  "UNAVAILABLE",
  "TIMEOUT",
  "NOT_CONFIGURED",
  "INTERNAL",
] as const;

/** A code of an error, of the server or of this client. */
export type HallpassErrorCode = keyof ErrorExtensions;

/** Whether this client knows the extensions of the code. */
export function isKnownCode(code: unknown): code is HallpassErrorCode {
  return typeof code === "string" && Object.hasOwn(parsers, code);
}

/** Adds a code of the application, which it has declared in `ErrorExtensions`. */
export function registerErrorCode<C extends HallpassErrorCode>(code: C, parse: ExtensionsParser<C>): void {
  Object.assign(parsers, { [code]: parse });
}
