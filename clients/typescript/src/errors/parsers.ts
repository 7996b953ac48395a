/** Reads the extensions of each code. What has another type than docs/errors.md states is absent. */
import { asArray, asNumber, asObject, asString, strings, type JsonObject } from "../json.js";
import type {
  AccessExtensions,
  CommonExtensions,
  ErrorExtensions,
  ExtensionsParser,
  InputExtensions,
  InputProblem,
  InputProblemKind,
  RetryExtensions,
} from "./extensions.js";

const problemKinds: ReadonlySet<string> = new Set<InputProblemKind>([
  "REQUIRED",
  "TOO_LONG",
  "TOO_MANY",
  "OUT_OF_RANGE",
  "WRONG_TYPE",
  "UNKNOWN_FIELD",
  "CONFLICTING",
  "TAKEN",
  "INVALID",
]);

function isProblemKind(value: unknown): value is InputProblemKind {
  return typeof value === "string" && problemKinds.has(value);
}

export const parseCommon = (raw: JsonObject): CommonExtensions => ({ requestId: asString(raw["requestId"]) });

const access = (raw: JsonObject): AccessExtensions => ({
  ...parseCommon(raw),
  rule: asString(raw["rule"]),
  missing: strings(raw["missing"]),
  decisionId: asString(raw["decisionId"]),
});

const retry = (raw: JsonObject): RetryExtensions => ({
  ...parseCommon(raw),
  retryAfterSeconds: asNumber(raw["retryAfterSeconds"]),
});

function problem(value: unknown): InputProblem {
  const raw = asObject(value);
  return {
    path: asString(raw["path"]) ?? "",
    problem: isProblemKind(raw["problem"]) ? raw["problem"] : "INVALID",
    limit: asNumber(raw["limit"]),
    message: asString(raw["message"]) ?? "",
  };
}

function messages(value: unknown): Readonly<Record<string, string>> {
  const entries: [string, string][] = [];
  for (const [path, message] of Object.entries(asObject(value))) {
    if (typeof message === "string") entries.push([path, message]);
  }
  return Object.fromEntries(entries);
}

const input = (raw: JsonObject): InputExtensions => ({
  ...parseCommon(raw),
  fields: messages(raw["fields"]),
  problems: asArray(raw["problems"]).map(problem),
});

export const parsers: { readonly [C in keyof ErrorExtensions]: ExtensionsParser<C> } = {
  UNAUTHENTICATED: access,
  FORBIDDEN: access,
  REAUTHENTICATION_REQUIRED: access,
  NOT_FOUND: parseCommon,
  BAD_USER_INPUT: input,
  CONFLICT: (raw) => ({ ...parseCommon(raw), currentVersion: asNumber(raw["currentVersion"]) }),
  GRAPHQL_PARSE_FAILED: parseCommon,
  GRAPHQL_VALIDATION_FAILED: parseCommon,
  PERSISTED_QUERY_NOT_FOUND: parseCommon,
  PERSISTED_QUERY_NOT_SUPPORTED: parseCommon,
  QUERY_REJECTED: (raw) => ({ ...parseCommon(raw), limit: asNumber(raw["limit"]) }),
  RATE_LIMITED: retry,
  EVENTS_MISSED: parseCommon,
  AUTH_UNAVAILABLE: retry,
  UNAVAILABLE: retry,
  TIMEOUT: retry,
  NOT_CONFIGURED: parseCommon,
  INTERNAL: parseCommon,
  NETWORK_ERROR: parseCommon,
  UNKNOWN_ERROR: (raw) => ({ ...parseCommon(raw), serverCode: asString(raw["code"]) }),
};
