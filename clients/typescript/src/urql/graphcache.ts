/** Graphcache for a schema of Hallpass. */
import { cacheExchange, type Cache, type CacheExchangeOpts, type UpdateResolver } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import type { Exchange } from "@urql/core";
import type { SchemaFacts } from "../cache/facts.js";
import { isWholeList } from "../cache/connections.js";
import { filteredLists, mutationUpdates, type MutationUpdate, type MutationUpdates } from "../cache/mutations.js";
import * as shipped from "../schema/index.js";

function invalidate(cache: Cache, update: MutationUpdate): void {
  const names = [...update.lists, ...update.stale];
  const filtered = filteredLists(update);
  for (const { fieldName, arguments: args } of cache.inspectFields("Query")) {
    const isFiltered = filtered.includes(fieldName) && !isWholeList(args);
    if (isFiltered || names.includes(fieldName)) cache.invalidate("Query", fieldName, args);
  }
}

/** Deleted rows leave the cache. Lists and counts that changed are queried again. */
function resolver(name: string, update: MutationUpdate): UpdateResolver {
  return (result, _args, cache, info) => {
    const value: unknown = result[name];
    if (value === null || value === undefined) return;
    for (const id of update.deleted?.(value) ?? []) cache.invalidate({ __typename: update.type, id });
    if (info.optimistic !== true) invalidate(cache, update);
  };
}

/** The options of graphcache's `cacheExchange`. */
export function graphcacheOptions(
  facts: SchemaFacts = shipped,
  updates: MutationUpdates = mutationUpdates,
): CacheExchangeOpts & Required<Pick<CacheExchangeOpts, "keys" | "resolvers" | "updates">> {
  const resolvers: Record<string, Record<string, ReturnType<typeof relayPagination>>> = {};
  for (const { type, field } of facts.connections) (resolvers[type] ??= {})[field] = relayPagination();
  return {
    keys: Object.fromEntries(facts.typesWithoutId.map((type) => [type, () => null])),
    resolvers,
    updates: { Mutation: Object.fromEntries(Object.entries(updates).map(([name, update]) => [name, resolver(name, update)])) },
  };
}

export function hallpassGraphcache(facts?: SchemaFacts, updates?: MutationUpdates): Exchange {
  return cacheExchange(graphcacheOptions(facts, updates));
}
