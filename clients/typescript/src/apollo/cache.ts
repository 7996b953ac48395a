/** Apollo's cache for a schema of Hallpass, and what mutations change in it. */
import { InMemoryCache, type ApolloCache, type InMemoryCacheConfig, type Reference } from "@apollo/client";
import { isWholeList, type ConnectionField } from "../cache/connections.js";
import type { SchemaFacts } from "../cache/facts.js";
import { mutationUpdates, type MutationUpdate, type MutationUpdates } from "../cache/mutations.js";
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

function apply(cache: ApolloCache, update: MutationUpdate, result: unknown, facts: SchemaFacts): void {
  for (const id of update.deleted?.(result) ?? []) {
    const stored = cache.identify({ __typename: update.type, id });
    if (stored !== undefined) cache.evict({ id: stored });
  }
  const references = (update.created?.(result) ?? []).flatMap((row) => {
    const id = asString(row["id"]);
    const stored = id === null ? undefined : cache.identify({ __typename: update.type, id });
    return stored === undefined ? [] : { __ref: stored };
  });
  const created = references.length > 0;
  for (const list of update.lists) {
    cache.modify<Record<string, unknown>>({
      id: "ROOT_QUERY",
      fields: {
        [list]: (existing: unknown, { storeFieldName, DELETE }) => {
          if (!created || !isObject(existing)) return existing;
          if (!isWhole(storeFieldName)) return DELETE; // only the server knows whether the row belongs to it
          const isNew = (reference: Reference): boolean => !hasRow(existing, reference);
          const edge = edgeOf(facts.connections, list);
          return references.filter(isNew).reduce<JsonObject>((rows, row) => withRow(rows, row, edge), existing);
        },
      },
    });
  }
  for (const fieldName of update.stale) cache.evict({ id: "ROOT_QUERY", fieldName });
}

/**
 * Creates the `update` of mutations: lists get the created rows and lose the deleted ones, and counts are queried
 * again when they are displayed.
 */
export function cacheUpdater(
  updates: MutationUpdates = mutationUpdates,
  facts: SchemaFacts = shipped,
): (cache: ApolloCache, result: { readonly data?: unknown }) => void {
  return (cache, { data }) => {
    for (const [name, result] of Object.entries(asObject(data))) {
      const update = updates[name];
      if (update !== undefined && result !== null) apply(cache, update, result, facts);
    }
    cache.gc();
  };
}
