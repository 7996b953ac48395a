/** The requests of lists: after a change, they are loaded from the beginning, with the rows that were displayed. */
import { makeOperation, type Exchange, type Operation, type OperationResult } from "@urql/core";
import { filter, makeSubject, map, merge, pipe, tap } from "wonka";
import { firstPage, joinPages, nextPage, operationKey, pagedFields, rowCounts } from "../cache/pages.js";
import { asNumber, asObject, asString, type JsonObject } from "../json.js";
import type { Pages } from "./pagination.js";

const keyOfList = ({ query, variables = {} }: Operation): string =>
  operationKey(query, firstPage(pagedFields(query), variables));

/** The cursor of a further page. */
function cursorOf({ query, variables = {} }: Operation): string | undefined {
  const cursors = pagedFields(query).flatMap(({ after }) => asString(variables[after]) ?? []);
  return cursors[0];
}

/** The numbers of rows that are loaded of each list. They may grow while a list is loaded: its further page arrives. */
type WantedRows = () => readonly number[];

/** The operation, with the numbers of rows that `pagesExchange` loads. */
function withRows(operation: Operation, wantedRows: WantedRows | undefined): Operation {
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

  /** A list is loaded with the rows that were displayed; and if its further page does not join up, with those of it too. */
  const request = (operation: Operation): Operation => {
    const { kind, key, query, variables = {}, context } = operation;
    if (kind === "teardown") shown.delete(key);
    const fields = kind === "query" ? pagedFields(query) : [];
    if (fields.length === 0) return operation;
    const cursor = cursorOf(operation);
    const isJoining = cursor !== undefined && context["isAgain"] !== true && !separate.has(cursor);
    if (isJoining) return withRows(operation, undefined);
    const isMore = cursor !== undefined && !shown.has(key);
    const size = (index: number): number => asNumber(variables[fields[index]?.first ?? ""]) ?? 1;
    const list = keyOfList(operation);
    const wanted = rows.get(list)?.map((count, index) => (isMore ? count + size(index) : count));
    return withRows(operation, wanted && (() => wanted.map((count, index) => Math.max(count, rows.get(list)?.[index] ?? 0))));
  };

  /** Notes which page has the rows from the first one, before it is stored. */
  const store = ({ operation, data }: OperationResult): void => {
    if (operation.kind !== "query" || data == null || pagedFields(operation.query).length === 0) return;
    const [list, cursor] = [keyOfList(operation), cursorOf(operation)];
    if (cursor !== undefined && operation.context["wantedRows"] !== undefined) beginnings.set(list, cursor);
    else if (cursor === undefined || beginnings.get(list) === cursor) beginnings.delete(list);
  };
  return { note, request, store };
}

/** Graphcache, with lists that keep their rows. */
export function withPages(cache: Exchange, pages: Pages): Exchange {
  return (input) => {
    const { note, request, store } = createRows(pages);
    const cached = cache({ ...input, forward: (operations) => pipe(operations, map(request), input.forward, tap(store)) });
    return (operations) => pipe(cached(operations), tap(note));
  };
}

/** An operation whose list is loaded by several requests. */
class Loading {
  constructor(
    readonly operation: Operation,
    readonly wanted: WantedRows,
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
    const variables = nextPage(pagedFields(this.operation.query), this.variables, data, this.wanted());
    return variables === undefined ? undefined : new Loading(this.operation, this.wanted, variables, asObject(data));
  }
}

const isWantedRows = (value: unknown): value is WantedRows => typeof value === "function";

function begin(operation: Operation): Operation {
  const wanted: unknown = operation.context["wantedRows"];
  if (operation.kind !== "query" || !isWantedRows(wanted)) return operation;
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
