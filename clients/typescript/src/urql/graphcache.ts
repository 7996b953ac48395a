/** Graphcache for a schema of Hallpass. */
import { cacheExchange, type Cache, type CacheExchangeOpts, type Data, type Resolver, type UpdateResolver } from "@urql/exchange-graphcache";
import type { Exchange } from "@urql/core";
import type { SchemaFacts } from "../cache/facts.js";
import { mutationUpdates, type MutationUpdate, type MutationUpdates } from "../cache/mutations.js";
import { asString } from "../json.js";
import * as shipped from "../schema/index.js";
import { addRows, removeRows } from "./lists.js";
import { withPages } from "./pages.js";
import { createPages, pagination, type Pages } from "./pagination.js";
import { invalidate, writeValues } from "./values.js";
import { loggerOf } from "./warnings.js";

/**
 * Created rows are put into lists if the payload has their edges, and deleted rows leave the cache. Values of the
 * payload are stored. Everything else that changed is queried again.
 */
function resolver(name: string, update: MutationUpdate, facts: SchemaFacts, pages: Pages): UpdateResolver {
  return (result, _args, cache, info) => {
    const payload: unknown = result[name];
    if (payload === null || payload === undefined) return;
    const { optimistic = false } = info;
    const isCurrent = changeLists(cache, update, payload, facts, pages);
    if (!optimistic) invalidate(cache, update, payload, isCurrent);
    writeValues(cache, update, payload);
  };
}

/** Changes the lists without filter and order. False, for lists that have to be queried again. */
function changeLists(
  cache: Cache,
  update: MutationUpdate,
  payload: unknown,
  facts: SchemaFacts,
  pages: Pages,
): (list: string) => boolean {
  const created = update.created?.(payload) ?? [];
  const deleted = update.deleted?.(payload) ?? [];
  const current = update.lists.filter((list) => {
    const edge = facts.connections.find(({ type, field }) => type === "Query" && field === list)?.edge;
    const isAdded = edge !== undefined && addRows(cache, list, created, { edge, type: update.type }, pages);
    return removeRows(cache, list, deleted.map((id) => `${update.type}:${id}`)) && isAdded;
  });
  for (const id of deleted) cache.invalidate({ __typename: update.type, id });
  return (list) => current.includes(list);
}

/** A row is one edge in each order, and the cursor has the order. */
function edgeKeys(facts: SchemaFacts): Record<string, (data: Data) => string | null> {
  return Object.fromEntries(facts.connections.map(({ edge }) => [edge, (data: Data) => asString(data["cursor"])]));
}

function graphcacheOptions(facts: SchemaFacts, updates: MutationUpdates, pages: Pages) {
  const mutations = Object.entries(updates).map(([name, update]) => [name, resolver(name, update, facts, pages)]);
  return {
    keys: { ...Object.fromEntries(facts.typesWithoutId.map((type) => [type, () => null])), ...edgeKeys(facts) },
    updates: { Mutation: Object.fromEntries(mutations) },
  } satisfies CacheExchangeOpts;
}

/** The resolvers of all fields with pages. */
function listResolvers(facts: SchemaFacts, list: Resolver): NonNullable<CacheExchangeOpts["resolvers"]> {
  const resolvers: NonNullable<CacheExchangeOpts["resolvers"]> = {};
  for (const { type, field } of facts.connections) (resolvers[type] ??= {})[field] = list;
  return resolvers;
}

type Updates = Readonly<Record<string, UpdateResolver | void>>;

/** The updates of this package, and after each the one of the application. */
function bothUpdates(own: Updates, added: Updates): Record<string, UpdateResolver | void> {
  const both = Object.entries(added).map(([name, update]): readonly [string, UpdateResolver] => [
    name,
    (...change) => {
      const first = own[name];
      if (first) first(...change);
      if (update) update(...change);
    },
  ]);
  return { ...own, ...Object.fromEntries(both) };
}

/** Which objects fragments on interfaces and unions match: without it, graphcache guesses, and warns. */
function typeNames({ possibleTypes }: SchemaFacts): NonNullable<CacheExchangeOpts["possibleTypes"]> {
  return Object.fromEntries(Object.entries(possibleTypes).map(([name, types]) => [name, [...types]]));
}

/** Graphcache. `options` are added, such as `optimistic`, `storage`, and further `keys` and `resolvers`. */
export function hallpassGraphcache(
  facts: SchemaFacts = shipped,
  updates: MutationUpdates = mutationUpdates,
  options: CacheExchangeOpts = {},
): Exchange {
  return (input) => {
    const pages = createPages();
    const { keys, updates: changes } = graphcacheOptions(facts, updates, pages);
    const resolvers = listResolvers(facts, pagination(pages));
    for (const [type, fields] of Object.entries(options.resolvers ?? {})) resolvers[type] = { ...resolvers[type], ...fields };
    const cache = cacheExchange({
      possibleTypes: typeNames(facts),
      ...options,
      logger: loggerOf(options),
      keys: { ...keys, ...options.keys },
      resolvers,
      updates: { ...options.updates, Mutation: bothUpdates(changes.Mutation, options.updates?.["Mutation"] ?? {}) },
    });
    return withPages(cache, pages)(input);
  };
}
