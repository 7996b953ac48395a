/** Changes that arrive as events. */
import type { ApolloCache, ApolloClient } from "@apollo/client";
import { parse, type DocumentNode } from "graphql";
import type { SchemaFacts } from "../cache/facts.js";
import { changedRows, knownUpdates, mutationUpdates, type MutationUpdates } from "../cache/mutations.js";
import { selectionOf } from "../cache/selection.js";
import { asNumber, asString, type JsonObject } from "../json.js";
import * as shipped from "../schema/index.js";
import { cacheUpdater } from "./cache.js";
import { refetchStale, stateOf } from "./stale.js";

const fragments = new Map<string, DocumentNode>();

/** Apollo recognizes a document by its identity. */
function fragmentOf(type: string, selection: string): DocumentNode {
  const text = `fragment Row on ${type} ${selection}`;
  const fragment = fragments.get(text) ?? parse(text, { noLocation: true });
  fragments.set(text, fragment);
  return fragment;
}

/** Stores a row, unless the cache has a later version of it. */
function storeRow(cache: ApolloCache, row: JsonObject): void {
  const [type, id] = [asString(row["__typename"]), asString(row["id"])];
  const target = type === null || id === null ? undefined : cache.identify({ __typename: type, id });
  if (type === null || target === undefined) return;
  const stored = cache.readFragment<JsonObject>({ id: target, fragment: fragmentOf(type, "{ version }") });
  const version = asNumber(row["version"]);
  if (version !== null && version < (asNumber(stored?.["version"]) ?? 0)) return;
  cache.writeFragment({ id: target, fragment: fragmentOf(type, selectionOf(row, "selected")), data: row });
}

/**
 * Applies a change that arrived as an event. It has the same effects as its mutation: `data` is what that would return,
 * such as `{ createTask: { task } }` or `{ deleteTask: { deletedTaskId } }`. A change that this client made is not
 * applied twice, if the event and the payload have the `version` of the row. The subscription needs the fetch policy
 * `no-cache`: an event may be older than the cache.
 */
export function applyChange(
  client: ApolloClient,
  data: Readonly<Record<string, unknown>>,
  updates: MutationUpdates = mutationUpdates,
  facts: SchemaFacts = shipped,
): Promise<void> {
  const { own } = stateOf(client);
  return own.afterwards(() => {
    if (own.isMade(data, updates)) return;
    for (const [, payload] of knownUpdates(data, updates)) {
      for (const row of changedRows(payload)) storeRow(client.cache, row);
    }
    cacheUpdater(updates, facts)(client.cache, { data });
    refetchStale(client, data, updates);
  });
}
