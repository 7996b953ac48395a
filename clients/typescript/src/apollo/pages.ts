/** The pages of lists in Apollo's cache. */
import type { ApolloClient, ApolloLink, DocumentNode } from "@apollo/client";
import { createOperation } from "@apollo/client/link/utils";
import { concatMap, defer, from, map, of, switchMap, type Observable } from "rxjs";
import { endOf, firstPage, hasCursor, isFurtherPage, joinPages, listAt, nextPage, operationKey, pagedFields, rowCounts } from "../cache/pages.js";
import { asString, type JsonObject } from "../json.js";

type Result = ApolloLink.Result;
type Send = (operation: ApolloLink.Operation) => Observable<Result>;

/** The numbers of rows that queries had before their lists were dropped. */
export interface LoadedRows {
  /** The numbers of rows that the displayed queries have. */
  count(client: ApolloClient): ReadonlyMap<object, readonly number[]>;
  /** Has the next response of a query have so many rows. */
  keep(query: Query, rows: readonly number[]): void;
  of(operation: Query): readonly number[] | undefined;
  /** The rows are loaded. */
  forget(operation: Query): void;
}

interface Query {
  readonly query: DocumentNode;
  readonly variables?: JsonObject | undefined;
}

const keyOf = ({ query, variables = {} }: Query): string => operationKey(query, variables);
const keyOfList = ({ query, variables = {} }: Query): string => operationKey(query, firstPage(pagedFields(query), variables));

/** The parts of a query that the cache has. */
function stored(client: ApolloClient, { query, variables = {} }: Query): unknown {
  return client.cache.diff({ query, variables, optimistic: false, returnPartialData: true }).result;
}

export function createLoadedRows(): LoadedRows {
  const loaded = new Map<string, readonly number[]>();
  return {
    count: (client) => {
      const displayed = [...client.getObservableQueries("active")].filter(({ query }) => pagedFields(query).length > 0);
      return new Map(displayed.map((query) => [query, rowCounts(pagedFields(query.query), stored(client, query))]));
    },
    keep: (query, rows) => {
      const known = loaded.get(keyOf(query));
      if (rows.some((count) => count > 0)) loaded.set(keyOf(query), rows.map((count, index) => Math.max(count, known?.[index] ?? 0)));
    },
    of: (operation) => loaded.get(keyOf(operation)),
    forget: (operation) => void loaded.delete(keyOf(operation)),
  };
}

function withVariables(operation: ApolloLink.Operation, variables: JsonObject): ApolloLink.Operation {
  const { query, extensions, client } = operation;
  return createOperation({ query, variables, extensions: { ...extensions }, context: operation.getContext() }, { client });
}

/** The result with further pages, until it has the wanted rows. */
function withPages(operation: ApolloLink.Operation, send: Send, result: Result, wanted: readonly number[]): Observable<Result> {
  const fields = pagedFields(operation.query);
  const variables = result.errors === undefined ? nextPage(fields, operation.variables, result.data, wanted) : undefined;
  if (variables === undefined) return of(result);
  return send(withVariables(operation, variables)).pipe(
    concatMap((page) => {
      if (page.errors !== undefined) return of(page);
      return withPages(operation, send, { ...result, data: joinPages(fields, result.data, page.data, variables) }, wanted);
    }),
  );
}

/** Sends a query. If its lists were dropped, they are loaded from the beginning, with the rows that they had. */
export function sendLoaded(operation: ApolloLink.Operation, send: Send, loaded: LoadedRows): Observable<Result> {
  const wanted = loaded.of(operation);
  if (wanted === undefined) return send(operation);
  const first = withVariables(operation, firstPage(pagedFields(operation.query), operation.variables));
  return send(first).pipe(concatMap((result) => withPages(first, send, result, wanted)));
}

/** Whether the operation loads a further page of a list that is displayed, as `fetchMore` does. */
export function isContinued(operation: ApolloLink.Operation): boolean {
  if (!isFurtherPage(pagedFields(operation.query), operation.variables)) return false;
  const displayed = [...operation.client.getObservableQueries("active")];
  return displayed.some((query) => keyOf(query) !== keyOf(operation) && keyOfList(query) === keyOfList(operation));
}

/** Its variables, with the cursors at which the rows of the cache are continued: none, if it has no rows. */
function joining(operation: ApolloLink.Operation): JsonObject {
  const fields = pagedFields(operation.query);
  const data = stored(operation.client, operation);
  const variables = { ...operation.variables };
  for (const field of fields) {
    const [list, cursor] = [listAt(data, field), asString(variables[field.after])];
    if (cursor !== null && !hasCursor(list, cursor)) variables[field.after] = endOf(list);
  }
  return variables;
}

/** How often a page is requested again because of changes, as long as it joins up. */
const ATTEMPTS = 3;

/**
 * Loads a further page of a displayed list, after the changes that are under way. The cursor of the caller may be from
 * before a change: the page begins where the rows of the cache end then.
 */
export function sendContinued(
  operation: ApolloLink.Operation,
  send: Send,
  settled: () => Promise<void>,
  since: () => () => boolean,
  attempt = 1,
): Observable<Result> {
  const again = (): Observable<Result> => sendContinued(operation, send, settled, since, attempt + 1);
  return defer(() => from(settled())).pipe(
    switchMap(() => {
      const [isOutdated, variables] = [since(), joining(operation)];
      const page = withVariables(operation, variables);
      const joins = (): boolean => operationKey(page.query, joining(page)) === operationKey(page.query, variables);
      return send(page).pipe(
        map((result) => ({ result, isCurrent: joins() && (attempt > ATTEMPTS || !isOutdated()) })),
        switchMap(({ result, isCurrent }) => (isCurrent ? of(result) : again())),
      );
    }),
  );
}
