/** The resolver of lists in graphcache. */
import { stringifyVariables } from "@urql/core";
import type { Cache, FieldInfo, Resolver } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { pageArguments } from "../cache/connections.js";
import { asArray, asString, type JsonObject } from "../json.js";

/** What the resolvers of lists and the requests of their pages share. */
export interface Pages {
  /** The `after` of queries whose page joins up with no stored one. */
  readonly separate: Set<string>;
  /** The `after` of the page that has all rows from the first one, by the list. */
  readonly beginnings: Map<string, string>;
}

export const createPages = (): Pages => ({ separate: new Set(), beginnings: new Map() });

interface Page {
  readonly key: string;
  readonly info: FieldInfo;
  readonly after: string | null;
  readonly end: string | null;
}

function endOf(cache: Cache, page: string): string | null {
  const pageInfo = asString(cache.resolve(page, "pageInfo"));
  const edge = asString(asArray(cache.resolve(page, "edges")).at(-1));
  const end = pageInfo === null ? null : asString(cache.resolve(pageInfo, "endCursor"));
  return end ?? (edge === null ? null : asString(cache.resolve(edge, "cursor")));
}

/** The arguments that select the list. */
function listOf(args: JsonObject | null): string {
  const entries = Object.entries(args ?? {}).filter(([name, value]) => !pageArguments.includes(name) && value != null);
  return stringifyVariables(Object.fromEntries(entries));
}

/** The stored pages of a list, of those that are paged forwards. */
function pagesOf(cache: Cache, parent: string, name: string, args: JsonObject): readonly Page[] {
  return cache.inspectFields(parent).flatMap((info): readonly Page[] => {
    const { fieldName, fieldKey, arguments: stored } = info;
    const isPage = fieldName === name && listOf(stored) === listOf(args) && stored?.["last"] == null && stored?.["before"] == null;
    const key = isPage ? asString(cache.resolve(parent, fieldKey)) : null;
    return key === null ? [] : [{ key, info, after: asString(stored?.["after"]), end: endOf(cache, key) }];
  });
}

/** A page with those before and after it, as far as they join up. Nothing is before a beginning. */
function joined(pages: readonly Page[], own: Page, isBeginning: (page: Page) => boolean): readonly Page[] {
  const found = new Set([own]);
  const follow = (find: (from: Page) => Page | undefined): void => {
    let page = find(own);
    while (page !== undefined && !found.has(page)) {
      found.add(page);
      page = find(page);
    }
  };
  follow((from) => (isBeginning(from) ? undefined : pages.find(({ end }) => end !== null && end === from.after)));
  follow((from) => pages.find(({ after }) => after !== null && after === from.end));
  return [...found];
}

/** `relayPagination`, of the pages that join up. Others are from before a change. */
export function pagination({ separate, beginnings }: Pages): Resolver {
  const resolve = relayPagination();
  return (parent, args, cache, info) => {
    if (args["last"] != null || args["before"] != null) return resolve(parent, args, cache, info);
    const after = asString(args["after"]);
    const pages = pagesOf(cache, info.parentKey, info.fieldName, args);
    const stored = asString(cache.resolve(info.parentKey, info.fieldName, args));
    const own = pages.find(({ key }) => key === stored);
    if (own === undefined) {
      const isJoining = after === null || pages.some(({ end }) => end === after);
      if (after !== null) separate[isJoining ? "delete" : "add"](after);
      return undefined;
    }
    const isBeginning = (page: Page): boolean => page.after !== null && [...beginnings.values()].includes(page.after);
    const start = (after === null ? pages.find(isBeginning) : undefined) ?? own;
    const fields = joined(pages, start, isBeginning).map((page) => page.info);
    // relayPagination reads the pages of a list from here.
    const limited: Cache = Object.assign(Object.create(cache), { inspectFields: () => fields });
    return resolve(parent, args, limited, info);
  };
}
