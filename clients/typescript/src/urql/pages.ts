/** The requests of lists: after a change, they are loaded from the beginning, with the rows that were displayed. */
import { makeOperation, type Exchange, type Operation, type OperationResult } from "@urql/core";
import { filter, makeSubject, map, merge, pipe, tap } from "wonka";
import { firstPage, isFurtherPage, joinPages, nextPage, operationKey, pagedFields, rowCounts } from "../cache/pages.js";
import { asArray, asNumber, asObject, asString, type JsonObject } from "../json.js";
import type { Pages } from "./pagination.js";

const keyOfList = ({ query, variables = {} }: Operation): string =>
  operationKey(query, firstPage(pagedFields(query), variables));

/** The operation, with the numbers of rows that `pagesExchange` loads. */
function withRows(operation: Operation, wantedRows: readonly number[] | undefined): Operation {
  return makeOperation(operation.kind, operation, { ...operation.context, wantedRows });
}

/** The numbers of rows that were displayed of each list. */
function createRows({ separate, beginnings }: Pages) {
  const rows = new Map<string, readonly number[]>();
  const shown = new Set<number>();

  const note = ({ operation, data }: OperationResult): void => {
    const fields = operation.kind === "query" && data != null ? pagedFields(operation.query) : [];
    if (fields.length === 0) return;
    shown.add(operation.key);
    rows.set(keyOfList(operation), rowCounts(fields, data));
  };

  /** The rows of a list without a further page; or with one that does not join up, and then also its rows. */
  const request = (operation: Operation): Operation => {
    const { kind, key, query, variables = {}, context } = operation;
    if (kind === "teardown") shown.delete(key);
    const fields = kind === "query" ? pagedFields(query) : [];
    if (fields.length === 0) return operation;
    const list = keyOfList(operation);
    const isFurther = isFurtherPage(fields, variables);
    const cursor = fields.map(({ after }) => asString(variables[after])).find((after) => after !== null) ?? "";
    const isJoining = isFurther && context["isAgain"] !== true && !separate.has(cursor);
    if (beginnings.get(list) === cursor || !isFurther) beginnings.delete(list);
    if (isJoining) return withRows(operation, undefined);
    if (isFurther) beginnings.set(list, cursor);
    const isMore = isFurther && !shown.has(key);
    const size = (index: number): number => asNumber(variables[fields[index]?.first ?? ""]) ?? 1;
    return withRows(operation, rows.get(list)?.map((count, index) => (isMore ? count + size(index) : count)));
  };
  return { note, request };
}

/** Graphcache, with lists that keep their rows. */
export function withPages(cache: Exchange, pages: Pages): Exchange {
  return (input) => {
    const { note, request } = createRows(pages);
    const cached = cache({ ...input, forward: (operations) => input.forward(pipe(operations, map(request))) });
    return (operations) => pipe(cached(operations), tap(note));
  };
}

/** An operation whose list is loaded by several requests. */
class Loading {
  constructor(
    readonly operation: Operation,
    readonly wanted: readonly number[],
    readonly variables: JsonObject,
    readonly data?: JsonObject,
  ) {}

  request(): Operation {
    const { query, key, context } = this.operation;
    return makeOperation("query", { query, key, variables: this.variables }, { ...context, loading: this });
  }

  /** The data of the pages so far. */
  joined(page: unknown): unknown {
    return this.data === undefined ? page : joinPages(pagedFields(this.operation.query), this.data, page, this.variables);
  }

  next(data: unknown): Loading | undefined {
    const variables = nextPage(pagedFields(this.operation.query), this.variables, data, this.wanted);
    return variables === undefined ? undefined : new Loading(this.operation, this.wanted, variables, asObject(data));
  }
}

function begin(operation: Operation): Operation {
  const wanted = asArray(operation.context["wantedRows"]).flatMap((count) => asNumber(count) ?? []);
  if (operation.kind !== "query" || wanted.length === 0) return operation;
  return new Loading(operation, wanted, firstPage(pagedFields(operation.query), operation.variables ?? {})).request();
}

const isResult = (result: OperationResult | undefined): result is OperationResult => result !== undefined;

/** Loads the pages of a list, and has them be one result. */
export const pagesExchange: Exchange =
  ({ forward }) =>
  (operations) => {
    const further = makeSubject<Operation>();
    const joined = (result: OperationResult): OperationResult | undefined => {
      const loading: unknown = result.operation.context["loading"];
      if (!(loading instanceof Loading)) return result;
      if (result.error !== undefined) return { ...result, operation: loading.operation };
      const data = loading.joined(result.data);
      const next = loading.next(data);
      if (next === undefined) return { ...result, operation: loading.operation, data };
      further.next(next.request());
      return undefined;
    };
    return pipe(merge([pipe(operations, map(begin)), further.source]), forward, map(joined), filter(isResult));
  };
