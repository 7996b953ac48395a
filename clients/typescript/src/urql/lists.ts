/** Rows that enter and leave the lists of graphcache. */
import type { Cache, FieldInfo } from "@urql/exchange-graphcache";
import { isWholeList } from "../cache/connections.js";
import type { CreatedRow } from "../cache/mutations.js";
import { asString, strings } from "../json.js";
import type { Pages } from "./pagination.js";

interface Names {
  readonly edge: string;
  readonly type: string;
}

/** The keys that a field links to. Undefined, if the field is not stored. */
function linksOf(cache: Cache, key: string, field: string): readonly string[] | undefined {
  const links: unknown = cache.resolve(key, field);
  return Array.isArray(links) ? strings(links) : undefined;
}

/** The stored pages of a root field. */
function pagesOf(cache: Cache, list: string): readonly { readonly key: string; readonly args: FieldInfo["arguments"] }[] {
  return cache.inspectFields("Query").flatMap(({ fieldName, fieldKey, arguments: args }) => {
    const key = fieldName === list ? asString(cache.resolve("Query", fieldKey)) : null;
    return key === null ? [] : { key, args };
  });
}

/** Whether a page has the first row of its list. */
function isFirstPage(args: FieldInfo["arguments"], { beginnings }: Pages): boolean {
  if ([...beginnings.values()].some((after) => after === args?.["after"])) return true;
  return ["after", "before", "last"].every((name) => args?.[name] == null);
}

/** The count of a list cannot be changed by a link. */
const hasCount = (cache: Cache, key: string): boolean => cache.resolve(key, "totalCount") != null;

/** Puts created rows at the beginning of a list. False, if it has to be queried again. */
export function addRows(cache: Cache, list: string, rows: readonly CreatedRow[], { edge, type }: Names, joining: Pages): boolean {
  if (rows.length === 0) return true;
  const nodes = rows.map(({ node }) => cache.keyOfEntity({ ...node, __typename: type, id: asString(node["id"]) ?? "" }) ?? "");
  const edges = rows.flatMap(({ cursor }) => (cursor === null ? [] : `${edge}:${cursor}`));
  const pages = pagesOf(cache, list).filter(({ args }) => isWholeList(args));
  return pages.every(({ key, args }) => {
    if (hasCount(cache, key) || args?.["last"] != null) return false;
    if (!isFirstPage(args, joining)) return true;
    return prepend(cache, key, "nodes", nodes) && prepend(cache, key, "edges", edges.length === rows.length ? edges : undefined);
  });
}

/** True, if the field is not stored or has the links now. */
function prepend(cache: Cache, key: string, field: string, added: readonly string[] | undefined): boolean {
  const links = linksOf(cache, key, field);
  if (links === undefined) return true;
  if (added === undefined) return false;
  cache.link(key, field, [...added.filter((link) => !links.includes(link)).reverse(), ...links]);
  return true;
}

/** Removes rows from a list, whatever its filter. False, if it has to be queried again. */
export function removeRows(cache: Cache, list: string, rows: readonly string[]): boolean {
  if (rows.length === 0) return true;
  const isGone = (key: unknown): boolean => typeof key === "string" && rows.includes(key);
  return pagesOf(cache, list)
    .map(({ key }) => {
      const edges = linksOf(cache, key, "edges");
      const nodes = linksOf(cache, key, "nodes");
      if (edges !== undefined) cache.link(key, "edges", edges.filter((edge) => !isGone(cache.resolve(edge, "node"))));
      if (nodes !== undefined) cache.link(key, "nodes", nodes.filter((node) => !isGone(node)));
      return !hasCount(cache, key);
    })
    .every(Boolean);
}
