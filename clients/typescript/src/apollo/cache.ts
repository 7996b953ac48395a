/** Apollo's cache for a schema of Hallpass, and what mutations change in it. */
import { InMemoryCache, type ApolloCache, type InMemoryCacheConfig, type Reference } from "@apollo/client";
import { isWholeList, type ConnectionField } from "../cache/connections.js";
import type { SchemaFacts } from "../cache/facts.js";
import {
  filteredLists,
  knownUpdates,
  mutationUpdates,
  valuesOf,
  type CreatedRow,
  type MutationUpdate,
  type MutationUpdates,
} from "../cache/mutations.js";
import { asArray, asNumber, asObject, asString, isObject, parseJson, type JsonObject } from "../json.js";
import * as shipped from "../schema/index.js";
import { typePolicies } from "./pagination.js";

export function hallpassCache(facts: SchemaFacts = shipped, config: InMemoryCacheConfig = {}): InMemoryCache {
  const possibleTypes: Record<string, string[]> = {};
  for (const [type, names] of Object.entries(facts.possibleTypes)) possibleTypes[type] = [...names];
  const cache = new InMemoryCache({ ...config, possibleTypes: { ...possibleTypes, ...config.possibleTypes } });
  // Two queries may select different fields of an object without an id, such as `Task.own`.
  for (const type of facts.typesWithoutId) cache.policies.addTypePolicies({ [type]: { merge: true } });
  cache.policies.addTypePolicies(typePolicies(facts.connections));
  if (config.typePolicies !== undefined) cache.policies.addTypePolicies(config.typePolicies);
  return cache;
}

/** Whether a stored field has all rows, in the default order: `tasks`, `tasks:{}` or `taskStats({})`. */
function isWhole(storeFieldName: string): boolean {
  const args = /^\w+[:(](\{.*\})\)?$/s.exec(storeFieldName)?.[1] ?? "{}";
  return isWholeList(asObject(parseJson(args)));
}

interface StoredRow {
  readonly node: Reference;
  readonly cursor: string;
}

/** A list with a row at its beginning. */
function withRow(list: JsonObject, { node, cursor }: StoredRow, edge: string): JsonObject {
  const total = asNumber(list["totalCount"]);
  return {
    ...list,
    edges: [{ __typename: edge, cursor, node }, ...asArray(list["edges"])],
    ...(Array.isArray(list["nodes"]) ? { nodes: [node, ...asArray(list["nodes"])] } : {}),
    ...(total === null ? {} : { totalCount: total + 1 }),
  };
}

function hasRow(list: JsonObject, { node: { __ref } }: StoredRow): boolean {
  const nodes = [...asArray(list["nodes"]), ...asArray(list["edges"]).map((edge) => asObject(edge)["node"])];
  return nodes.some((node) => asObject(node)["__ref"] === __ref);
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

function storedRows(cache: ApolloCache, type: string, rows: readonly CreatedRow[]): readonly StoredRow[] {
  return rows.flatMap(({ node, cursor }) => {
    const id = asString(node["id"]);
    const stored = id === null ? undefined : cache.identify({ __typename: type, id });
    return stored === undefined ? [] : { node: { __ref: stored }, cursor: cursor ?? "" };
  });
}

/** Changes the values of a root field, of each combination of arguments. */
function modifyRoot(cache: ApolloCache, name: string, change: (existing: unknown, isWhole: boolean, remove: unknown) => unknown): void {
  cache.modify<Record<string, unknown>>({
    id: "ROOT_QUERY",
    fields: { [name]: (existing: unknown, { storeFieldName, DELETE }) => change(existing, isWhole(storeFieldName), DELETE) },
  });
}

function addRows(cache: ApolloCache, list: string, rows: readonly StoredRow[], edge: string): void {
  const add = (existing: JsonObject): JsonObject =>
    rows.filter((row) => !hasRow(existing, row)).reduce<JsonObject>((all, row) => withRow(all, row, edge), existing);
  modifyRoot(cache, list, (existing, whole) => (isObject(existing) && whole ? add(existing) : existing));
}

function apply(cache: ApolloCache, update: MutationUpdate, payload: unknown, facts: SchemaFacts): void {
  removeRows(cache, update.type, update.deleted?.(payload) ?? []);
  const rows = storedRows(cache, update.type, update.created?.(payload) ?? []);
  for (const list of update.lists) addRows(cache, list, rows, edgeOf(facts.connections, list));
  for (const [name, value] of Object.entries(valuesOf(update, payload))) {
    modifyRoot(cache, name, (existing, whole) => (whole ? value : existing));
  }
}

/**
 * Creates the `update` of mutations: a created row is put at the beginning of lists without filter and order, a deleted
 * one disappears, and counts in the payload replace those of the cache. It applies to optimistic responses too.
 */
export function cacheUpdater(
  updates: MutationUpdates = mutationUpdates,
  facts: SchemaFacts = shipped,
): (cache: ApolloCache, result: { readonly data?: unknown }) => void {
  return (cache, { data }) => {
    for (const [update, payload] of knownUpdates(data, updates)) apply(cache, update, payload, facts);
    cache.gc();
  };
}

/** Drops fields of all rows of a type: all combinations of arguments, or only those with a filter or an order. */
function dropFields(cache: ApolloCache, type: string, names: readonly string[], isFiltered = false): void {
  const drop = (existing: unknown, { storeFieldName, DELETE }: { readonly storeFieldName: string; readonly DELETE: unknown }): unknown =>
    isFiltered && isWhole(storeFieldName) ? existing : DELETE;
  const fields = Object.fromEntries(names.map((name) => [name, drop]));
  for (const id of Object.keys(asObject(cache.extract()))) {
    if (id.startsWith(`${type}:`)) cache.modify<Record<string, unknown>>({ id, fields });
  }
}

function drop(cache: ApolloCache, update: MutationUpdate, payload: unknown): void {
  const given = valuesOf(update, payload);
  for (const fieldName of update.stale) cache.evict({ id: "ROOT_QUERY", fieldName });
  for (const name of update.values ?? []) {
    modifyRoot(cache, name, (existing, whole, remove) => (whole && name in given ? existing : remove));
  }
  for (const list of filteredLists(update)) {
    modifyRoot(cache, list, (existing, whole, remove) => (whole ? existing : remove));
  }
  for (const [type, names] of Object.entries(update.staleFields?.(payload) ?? {})) dropFields(cache, type, names);
  for (const [type, names] of Object.entries(update.filteredFields ?? {})) dropFields(cache, type, names, true);
}

/**
 * Drops what only the server knows after a mutation: lists with a filter or an order, and counts that the payload does
 * not have. Displayed ones are queried again. Not for optimistic responses: the server does not have the change yet.
 */
export function dropStale(cache: ApolloCache, data: unknown, updates: MutationUpdates = mutationUpdates): void {
  for (const [update, payload] of knownUpdates(data, updates)) drop(cache, update, payload);
  cache.gc();
}
