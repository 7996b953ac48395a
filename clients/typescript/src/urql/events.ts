/** Changes that arrive as events. */
import { createRequest, gql, makeResult, type Client, type Exchange, type Operation } from "@urql/core";
import { filter, map, merge, pipe, share } from "wonka";
import { knownUpdates, mutationUpdates, type MutationUpdates } from "../cache/mutations.js";
import { selectionOf } from "../cache/selection.js";
import { asObject, asString, isObject, type JsonObject } from "../json.js";
import { stateOf } from "./state.js";

/** A row without its fields: an event may be older than the cache. */
function withoutFields(part: unknown, type: string): unknown {
  if (Array.isArray(part)) return part.map((item) => withoutFields(item, type));
  const id = isObject(part) ? asString(part["id"]) : null;
  return id === null ? part : { __typename: type, id };
}

/** The payload of a mutation. Its type has no key, and the name of the mutation. */
function payloadOf(name: string, payload: JsonObject, type: string): JsonObject {
  const parts = Object.entries(payload).map(([part, value]) => [part, withoutFields(value, type)] as const);
  return { ...Object.fromEntries(parts), __typename: `${name.charAt(0).toUpperCase()}${name.slice(1)}Payload` };
}

/** The parts that graphcache can store: an event has the `__typename` of its objects only if that is selected. */
function storable(value: JsonObject): JsonObject {
  const parts = Object.entries(value).flatMap(([name, part]): readonly (readonly [string, unknown])[] => {
    const objects = (Array.isArray(part) ? part : [part]).filter(isObject);
    if (objects.some((object) => typeof object["__typename"] !== "string")) return [];
    return [[name, isObject(part) ? storable(part) : part]];
  });
  return Object.fromEntries(parts);
}

/** The mutation that would have returned this, which is answered by `changeExchange`. */
function mutationOf(client: Client, data: JsonObject, updates: MutationUpdates): Operation {
  const change: Record<string, JsonObject> = {};
  for (const [name, payload] of Object.entries(data)) {
    const update = updates[name];
    if (update !== undefined && isObject(payload)) change[name] = payloadOf(name, payload, update.type);
  }
  // The variables distinguish it from other mutations with this document.
  const request = createRequest(gql(`mutation ${selectionOf(storable(change))}`), change);
  const additionalTypenames = knownUpdates(data, updates).flatMap(([{ type, types = [] }]) => [type, ...types]);
  return client.createRequestOperation("mutation", request, { change, additionalTypenames });
}

/** Whether the operation is a change that arrived as an event. */
export const isChange = ({ context }: Operation): boolean => isObject(context["change"]);

/** Answers changes that arrived as events. It comes after the cache. */
export const changeExchange: Exchange =
  ({ forward }) =>
  (operations) => {
    const shared = pipe(operations, share);
    return merge([
      pipe(shared, filter(isChange), map((operation) => makeResult(operation, { data: asObject(operation.context["change"]) }))),
      pipe(shared, filter((operation) => !isChange(operation)), forward),
    ]);
  };

/**
 * Applies a change that arrived as an event, once for the events of a moment. It has the same effects on the cache as its
 * mutation: `data` is what that would return, such as `{ createTask: { task } }` or `{ deleteTask: { deletedTaskId } }`. A
 * change that this client made is not applied twice, if the event and the payload have the `version` of the row.
 */
export function applyChange(client: Client, data: JsonObject, updates: MutationUpdates = mutationUpdates): Promise<void> {
  const { changes, own, add } = stateOf(client);
  return own.afterwards(() => {
    if (own.isMade(data, updates)) return;
    changes.note();
    add(mutationOf(client, data, updates));
  });
}

/**
 * After changes that are not known, such as missed events: sends all displayed queries again, and has the others sent
 * when they are displayed.
 */
export function refetchDisplayed(client: Client): void {
  const { changes, addAll } = stateOf(client);
  changes.note();
  addAll();
}
