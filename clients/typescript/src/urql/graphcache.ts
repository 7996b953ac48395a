/** Graphcache for a schema of Hallpass. */
import { cacheExchange, type Cache, type CacheExchangeOpts, type Data, type UpdateResolver } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import type { Exchange } from "@urql/core";
import type { SchemaFacts } from "../cache/facts.js";
import { mutationUpdates, type MutationUpdate, type MutationUpdates } from "../cache/mutations.js";
import { asString } from "../json.js";
import * as shipped from "../schema/index.js";
import { addRows, removeRows } from "./lists.js";
import { invalidate, writeValues } from "./values.js";

/**
 * Created rows are put into lists if the payload has their edges, and deleted rows leave the cache. Values of the
 * payload are stored. Everything else that changed is queried again.
 */
function resolver(name: string, update: MutationUpdate, facts: SchemaFacts): UpdateResolver {
  return (result, _args, cache, info) => {
    const payload: unknown = result[name];
    if (payload === null || payload === undefined) return;
    const { optimistic = false } = info;
    const isCurrent = changeLists(cache, update, payload, facts);
    if (!optimistic) invalidate(cache, update, payload, isCurrent);
    writeValues(cache, update, payload);
  };
}

/** Changes the lists without filter and order. False, for lists that have to be queried again. */
function changeLists(cache: Cache, update: MutationUpdate, payload: unknown, facts: SchemaFacts): (list: string) => boolean {
  const created = update.created?.(payload) ?? [];
  const deleted = update.deleted?.(payload) ?? [];
  const current = update.lists.filter((list) => {
    const edge = facts.connections.find(({ type, field }) => type === "Query" && field === list)?.edge;
    const isAdded = edge !== undefined && addRows(cache, list, created, { edge, type: update.type });
    return removeRows(cache, list, deleted.map((id) => `${update.type}:${id}`)) && isAdded;
  });
  for (const id of deleted) cache.invalidate({ __typename: update.type, id });
  return (list) => current.includes(list);
}

/** A row is one edge in each order, and the cursor has the order. */
function edgeKeys(facts: SchemaFacts): Record<string, (data: Data) => string | null> {
  return Object.fromEntries(facts.connections.map(({ edge }) => [edge, (data: Data) => asString(data["cursor"])]));
}

/** The options of graphcache's `cacheExchange`. */
export function graphcacheOptions(
  facts: SchemaFacts = shipped,
  updates: MutationUpdates = mutationUpdates,
): CacheExchangeOpts & Required<Pick<CacheExchangeOpts, "keys" | "resolvers" | "updates">> {
  const resolvers: Record<string, Record<string, ReturnType<typeof relayPagination>>> = {};
  for (const { type, field } of facts.connections) (resolvers[type] ??= {})[field] = relayPagination();
  const mutations = Object.entries(updates).map(([name, update]) => [name, resolver(name, update, facts)]);
  return {
    keys: { ...Object.fromEntries(facts.typesWithoutId.map((type) => [type, () => null])), ...edgeKeys(facts) },
    resolvers,
    updates: { Mutation: Object.fromEntries(mutations) },
  };
}

export function hallpassGraphcache(facts?: SchemaFacts, updates?: MutationUpdates): Exchange {
  return cacheExchange(graphcacheOptions(facts, updates));
}
