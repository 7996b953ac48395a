import { asArray, asObject, asString, type JsonObject } from "../json.js";
import type { HallpassErrorCode } from "./codes.js";
import { isKnownCode } from "./codes.js";
import type { ErrorExtensions } from "./extensions.js";
import { parsers } from "./parsers.js";

/** What an error consists of, beside its code. */
export interface ErrorParts {
  readonly message: string;
  /** The field with the error. Empty if the error is of the whole request. */
  readonly path?: readonly (string | number)[];
  readonly extensions?: JsonObject;
  readonly cause?: unknown;
}

/** An error with one code. {@link HallpassError} is the union of all. */
export class ErrorOf<C extends HallpassErrorCode> extends Error {
  override readonly name = "HallpassError";
  readonly path: readonly (string | number)[];

  constructor(
    readonly code: C,
    readonly extensions: ErrorExtensions[C],
    parts: ErrorParts,
  ) {
    super(parts.message, { cause: parts.cause });
    this.path = parts.path ?? [];
  }
}

type Errors = { readonly [C in HallpassErrorCode]: ErrorOf<C> };

/** An error of the server or of this client. `code` states which; it narrows `extensions`. */
export type HallpassError = Errors[HallpassErrorCode];

export function isHallpassError(value: unknown): value is HallpassError {
  return value instanceof ErrorOf;
}

/** Creates an error whose code this client knows. */
export function hallpassError<C extends HallpassErrorCode>(code: C, parts: ErrorParts): Extract<HallpassError, { code: C }>;
export function hallpassError(code: HallpassErrorCode, parts: ErrorParts): Error {
  const parse: (raw: JsonObject) => ErrorExtensions[HallpassErrorCode] = parsers[code];
  const extensions = parse(parts.extensions ?? {});
  return new ErrorOf(code, extensions, { ...parts, message: problemIn(extensions) ?? parts.message });
}

/** The text of the first problem of an input. That of the error only refers to the problems. */
function problemIn(extensions: object): string | undefined {
  if (!("problems" in extensions)) return undefined;
  const [problem] = asArray(extensions.problems).map(asObject);
  return problem === undefined ? undefined : `${asString(problem["path"])}: ${asString(problem["message"])}`;
}

/** Creates the error for the code in the extensions. */
export function errorFromExtensions(parts: ErrorParts): HallpassError {
  const code = parts.extensions?.["code"];
  if (isKnownCode(code)) return hallpassError(code, parts);
  return hallpassError("UNKNOWN_ERROR", parts);
}

/** Whether the error has this code, which may be one that this client does not know. */
export function hasCode(error: HallpassError, code: string): boolean {
  return error.code === code || (error.code === "UNKNOWN_ERROR" && error.extensions.serverCode === code);
}

