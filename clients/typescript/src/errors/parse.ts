/** Reads errors out of what GraphQL clients return and throw. */
import { asArray, asObject, asString, isObject, parseJson, type JsonObject } from "../json.js";
import { errorFromExtensions, hallpassError, isHallpassError, type HallpassError } from "./error.js";

/** Close codes of a WebSocket, with the error that each is. */
const closeCodes: ReadonlyMap<number, "UNAUTHENTICATED" | "UNAVAILABLE"> = new Map([
  [4401, "UNAUTHENTICATED"],
  [4403, "UNAUTHENTICATED"],
  [1001, "UNAVAILABLE"],
  [1013, "UNAVAILABLE"],
]);

function isPathElement(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function isGraphQlError(value: unknown): value is JsonObject & { readonly message: string } {
  return isObject(value) && typeof value["message"] === "string" && ("extensions" in value || "locations" in value);
}

function fromGraphQlError(error: JsonObject & { readonly message: string }): HallpassError {
  return errorFromExtensions({
    message: error.message,
    path: asArray(error["path"]).filter(isPathElement),
    extensions: asObject(error["extensions"]),
    cause: error,
  });
}

/** What browsers state is different in each, and does not say what to do. */
function networkError(cause: unknown): HallpassError {
  return hallpassError("NETWORK_ERROR", { message: "The API could not be reached. Check the connection and try again.", cause });
}

function isCloseEvent(value: JsonObject): value is JsonObject & { readonly code: number; readonly reason: string } {
  return typeof value["code"] === "number" && typeof value["reason"] === "string";
}

function fromCloseEvent(event: { readonly code: number; readonly reason: string }): HallpassError {
  const code = closeCodes.get(event.code);
  if (code === undefined && event.reason === "") return networkError(event);
  const message = event.reason || `The socket closed with ${event.code}.`;
  return hallpassError(code ?? "NETWORK_ERROR", { message, cause: event });
}

/** The members in which clients and responses have errors, in the order in which they are read. */
const places = [
  (value: JsonObject) => value["graphQLErrors"], // urql
  (value: JsonObject) => value["errors"], // responses, Apollo's CombinedGraphQLErrors
  (value: JsonObject) => asObject(value["response"])["errors"], // graphql-request
  (value: JsonObject) => asObject(value["result"])["errors"],
  (value: JsonObject) => asObject(value["source"])["errors"], // Relay
  (value: JsonObject) => asObject(parseJson(asString(value["bodyText"]) ?? ""))["errors"], // Apollo's ServerError
];

/** The members with the error that a client's error wraps. */
const wrapped = ["networkError", "error", "cause"] as const;

function errorsWithin(value: JsonObject, depth: number): readonly HallpassError[] {
  for (const place of places) {
    const errors = asArray(place(value)).filter(isObject);
    if (errors.length > 0) return errors.flatMap((error) => parse(error, depth - 1));
  }
  for (const name of wrapped) {
    const inner = value[name];
    if (depth > 0 && inner !== value && isObject(inner)) {
      const errors = parse(inner, depth - 1);
      if (errors.length > 0) return errors;
    }
  }
  return [];
}

function parse(value: unknown, depth: number): readonly HallpassError[] {
  if (isHallpassError(value)) return [value];
  if (Array.isArray(value)) return value.flatMap((item) => parse(item, depth - 1));
  if (!isObject(value) || depth < 0) return [];
  if (isCloseEvent(value)) return [fromCloseEvent(value)];
  if (isNetworkFailure(value)) return [networkError(value)];
  const inner = errorsWithin(value, depth);
  if (inner.length > 0) return inner;
  if (isGraphQlError(value)) return [fromGraphQlError(value)];
  return value instanceof Error ? [hallpassError("UNKNOWN_ERROR", { message: value.message, cause: value })] : [];
}

/** Whether `fetch` received no response: Node, Chromium, Firefox and Safari have each a message of their own. */
function isNetworkFailure(value: unknown): value is TypeError {
  return value instanceof TypeError && /fetch|network|load failed/i.test(value.message);
}

/** How deep errors are wrapped at most. */
const MAX_DEPTH = 6;

/**
 * All errors in a value: a GraphQL error, a list of them, a response, the result or the error of Apollo Client, urql,
 * Relay, graphql-request, graphql-ws or graphql-sse, or any thrown error. Empty if there is none.
 */
export function hallpassErrors(value: unknown): readonly HallpassError[] {
  return parse(value, MAX_DEPTH);
}

/** The first error in a value, or undefined. */
export function firstError(value: unknown): HallpassError | undefined {
  return hallpassErrors(value)[0];
}

/** The error as a {@link HallpassError}, whatever was thrown. */
export function toHallpassError(value: unknown): HallpassError {
  return firstError(value) ?? hallpassError("UNKNOWN_ERROR", { message: String(value), cause: value });
}
