/** Root fields of graphcache after a mutation: stored from the payload, or queried again. */
import { gql } from "@urql/core";
import type { Cache } from "@urql/exchange-graphcache";
import { isWholeList } from "../cache/connections.js";
import { filteredLists, valuesOf, type MutationUpdate } from "../cache/mutations.js";
import { selectionOf } from "../cache/selection.js";
import type { JsonObject } from "../json.js";

/** Has everything that changed queried again, except the lists that are current. */
export function invalidate(cache: Cache, update: MutationUpdate, payload: unknown, isCurrent: (list: string) => boolean): void {
  const names = [...update.lists.filter((list) => !isCurrent(list)), ...update.stale, ...(update.values ?? [])];
  const filtered = filteredLists(update);
  for (const { fieldName, arguments: args } of cache.inspectFields("Query")) {
    const isFiltered = filtered.includes(fieldName) && !isWholeList(args);
    if (isFiltered || names.includes(fieldName)) cache.invalidate("Query", fieldName, args);
  }
  for (const [type, fields] of Object.entries(update.staleFields?.(payload) ?? {})) invalidateFields(cache, type, fields);
  for (const [type, fields] of Object.entries(update.filteredFields ?? {})) invalidateFields(cache, type, fields, true);
}

/** The keys of all stored objects that queries lead to. */
function storedKeys(cache: Cache): readonly string[] {
  const keys = new Set(["Query"]);
  for (const key of keys) {
    for (const { fieldKey } of cache.inspectFields(key)) {
      const value: unknown = cache.resolve(key, fieldKey);
      for (const link of [value].flat(2)) if (typeof link === "string" && cache.inspectFields(link).length > 0) keys.add(link);
    }
  }
  return [...keys];
}

/** Has fields of all rows of a type queried again: all combinations of arguments, or only those with a filter or an order. */
function invalidateFields(cache: Cache, type: string, names: readonly string[], isFiltered = false): void {
  for (const key of storedKeys(cache).filter((stored) => stored.startsWith(`${type}:`))) {
    for (const { fieldName, arguments: args } of cache.inspectFields(key)) {
      if (names.includes(fieldName) && !(isFiltered && isWholeList(args))) cache.invalidate(key, fieldName, args);
    }
  }
}

/** Stores the values that the payload has. */
export function writeValues(cache: Cache, update: MutationUpdate, payload: unknown): void {
  for (const [name, value] of Object.entries(valuesOf(update, payload))) {
    const stored: unknown = cache.resolve("Query", name);
    // Fields that the payload does not have are not those of before.
    if (typeof stored === "string") cache.invalidate(stored);
    const query = gql<JsonObject>(`{ ${name} ${selectionOf(value)} }`);
    cache.updateQuery<JsonObject>({ query }, () => ({ __typename: "Query", [name]: value }));
  }
}
