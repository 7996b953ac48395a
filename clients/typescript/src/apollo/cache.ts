/** Apollo's cache for a schema of Hallpass, and what mutations change in it. */
import { InMemoryCache, type ApolloCache, type InMemoryCacheConfig, type Reference } from "@apollo/client";
import { isWholeList, type ConnectionField } from "../cache/connections.js";
import type { SchemaFacts } from "../cache/facts.js";
import { filteredLists, mutationUpdates, type MutationUpdate, type MutationUpdates } from "../cache/mutations.js";
import { asArray, asNumber, asObject, asString, isObject, parseJson, type JsonObject } from "../json.js";
import * as shipped from "../schema/index.js";
import { typePolicies } from "./pagination.js";

export function hallpassCache(facts: SchemaFacts = shipped, config: InMemoryCacheConfig = {}): InMemoryCache {
  const possibleTypes: Record<string, string[]> = {};
  for (const [type, names] of Object.entries(facts.possibleTypes)) possibleTypes[type] = [...names];
  const cache = new InMemoryCache({ ...config, possibleTypes: { ...possibleTypes, ...config.possibleTypes } });
  cache.policies.addTypePolicies(typePolicies(facts.connections));
  if (config.typePolicies !== undefined) cache.policies.addTypePolicies(config.typePolicies);
  return cache;
}

/** Whether a stored field is a list of all rows, in the default order: `tasks`, or `tasks:{}`. */
function isWhole(storeFieldName: string): boolean {
  const [, args = "{}"] = storeFieldName.split(/:(.*)/s);
  return isWholeList(asObject(parseJson(args)));
}

/** A list with a row at its beginning. */
function withRow(list: JsonObject, node: Reference, edge: string): JsonObject {
  const total = asNumber(list["totalCount"]);
  return {
    ...list,
    edges: [{ __typename: edge, cursor: "", node }, ...asArray(list["edges"])],
    ...(Array.isArray(list["nodes"]) ? { nodes: [node, ...asArray(list["nodes"])] } : {}),
    ...(total === null ? {} : { totalCount: total + 1 }),
  };
}

function hasRow(list: JsonObject, reference: Reference): boolean {
  const nodes = [...asArray(list["nodes"]), ...asArray(list["edges"]).map((edge) => asObject(edge)["node"])];
  return nodes.some((node) => asObject(node)["__ref"] === reference.__ref);
}

function edgeOf(connections: readonly ConnectionField[], list: string): string {
  return connections.find(({ type, field }) => type === "Query" && field === list)?.edge ?? "";
}

function removeRows(cache: ApolloCache, type: string, ids: readonly string[]): void {
  for (const id of ids) {
    const stored = cache.identify({ __typename: type, id });
    if (stored !== undefined) cache.evict({ id: stored });
  }
}

function referencesOf(cache: ApolloCache, type: string, rows: readonly JsonObject[]): readonly Reference[] {
  return rows.flatMap((row) => {
    const id = asString(row["id"]);
    const stored = id === null ? undefined : cache.identify({ __typename: type, id });
    return stored === undefined ? [] : { __ref: stored };
  });
}

function addRows(cache: ApolloCache, list: string, rows: readonly Reference[], edge: string): void {
  const add = (existing: JsonObject): JsonObject =>
    rows.filter((row) => !hasRow(existing, row)).reduce<JsonObject>((all, row) => withRow(all, row, edge), existing);
  cache.modify<Record<string, unknown>>({
    id: "ROOT_QUERY",
    fields: {
      [list]: (existing: unknown, { storeFieldName }) =>
        isObject(existing) && isWhole(storeFieldName) ? add(existing) : existing,
    },
  });
}

function apply(cache: ApolloCache, update: MutationUpdate, result: unknown, facts: SchemaFacts): void {
  removeRows(cache, update.type, update.deleted?.(result) ?? []);
  const rows = referencesOf(cache, update.type, update.created?.(result) ?? []);
  for (const list of update.lists) addRows(cache, list, rows, edgeOf(facts.connections, list));
}

function known(data: unknown, updates: MutationUpdates): readonly (readonly [MutationUpdate, unknown])[] {
  return Object.entries(asObject(data)).flatMap(([name, result]) => {
    const update = updates[name];
    return update === undefined || result === null ? [] : [[update, result]];
  });
}

/**
 * Creates the `update` of mutations: a created row is put at the beginning of lists without filter and order, and a
 * deleted one disappears. It applies to optimistic responses too.
 */
export function cacheUpdater(
  updates: MutationUpdates = mutationUpdates,
  facts: SchemaFacts = shipped,
): (cache: ApolloCache, result: { readonly data?: unknown }) => void {
  return (cache, { data }) => {
    for (const [update, result] of known(data, updates)) apply(cache, update, result, facts);
    cache.gc();
  };
}

/**
 * Drops what only the server knows after a mutation: counts, and lists with a filter or an order. Displayed ones are
 * queried again. Not for optimistic responses: the server does not have the change yet.
 */
export function dropStale(cache: ApolloCache, data: unknown, updates: MutationUpdates = mutationUpdates): void {
  for (const [update] of known(data, updates)) {
    for (const fieldName of update.stale) cache.evict({ id: "ROOT_QUERY", fieldName });
    for (const list of filteredLists(update)) {
      cache.modify<Record<string, unknown>>({
        id: "ROOT_QUERY",
        fields: { [list]: (existing: unknown, { storeFieldName, DELETE }) => (isWhole(storeFieldName) ? existing : DELETE) },
      });
    }
  }
  cache.gc();
}
