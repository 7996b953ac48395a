import { ApolloLink, type ApolloClient } from "@apollo/client";
import { OperationTypeNode } from "graphql";
import { concat, defer, EMPTY, finalize, map, of, switchMap, type Observable } from "rxjs";
import { createChanges, type Changes } from "../cache/changes.js";
import { mutationUpdates, type MutationUpdates } from "../cache/mutations.js";
import { createOwnChanges, type OwnChanges } from "../cache/own.js";
import { createLoadedRows, isContinued, sendContinued, sendLoaded, type LoadedRows } from "./pages.js";
import { createRefetches, type Refetches } from "./refetch.js";

interface State {
  readonly changes: Changes;
  readonly own: OwnChanges;
  readonly loaded: LoadedRows;
  readonly refetches: Refetches;
}

function createState(client: ApolloClient): State {
  const loaded = createLoadedRows();
  return { changes: createChanges(), own: createOwnChanges(), loaded, refetches: createRefetches(client, loaded) };
}

const states = new WeakMap<ApolloClient, State>();

/** What a client knows of changes: its link and the functions for events share it. */
export function stateOf(client: ApolloClient): State {
  const known = states.get(client) ?? createState(client);
  states.set(client, known);
  return known;
}

/**
 * After a change that arrived as an event: drops what only the server knows (see `dropStale`), and sends displayed
 * queries again that lack something then, once for the events of a moment. `data` is what the mutation of the change
 * would return, such as `{ createTask: { task } }` or `{ deleteTask: { deletedTaskId } }`. Responses to come to earlier
 * requests are not used: see `staleLink`.
 */
export function refetchStale(client: ApolloClient, data: Readonly<Record<string, unknown>>, updates?: MutationUpdates): void {
  const { changes, refetches } = stateOf(client);
  changes.note();
  refetches.dropSoon({ data, updates });
}

/**
 * After changes that are not known, such as missed events: sends all displayed queries again, and has the others sent
 * when they are displayed.
 */
export function refetchDisplayed(client: ApolloClient): void {
  const { changes, refetches } = stateOf(client);
  changes.note();
  refetches.allSoon();
}

/**
 * So many responses in a row are not used. A further one is, until the next one replaces it: events may come faster than
 * responses, and a query must not wait for their end.
 */
const UNUSED = 3;

/** The response of a query that no change has outdated: see `Changes`. */
function currentResult(
  operation: ApolloLink.Operation,
  forward: ApolloLink.ForwardFunction,
  unused = 0,
): Observable<ApolloLink.Result> {
  return defer(() => {
    const { changes, loaded, refetches } = stateOf(operation.client);
    const isOutdated = changes.since();
    // Further events of a burst would outdate the next response too.
    const next = defer(refetches.ended).pipe(switchMap(() => currentResult(operation, forward, unused + 1)));
    const current = (result: ApolloLink.Result): Observable<ApolloLink.Result> => {
      if (result.errors === undefined) loaded.forget(operation);
      return of(result);
    };
    return sendLoaded(operation, forward, loaded).pipe(
      switchMap((result) => (isOutdated() ? concat(unused < UNUSED ? EMPTY : of(result), next) : current(result))),
    );
  });
}

/** The results of a mutation. What only the server knows is dropped after it. */
function changeResult(
  operation: ApolloLink.Operation,
  forward: ApolloLink.ForwardFunction,
  updates: MutationUpdates = mutationUpdates,
): Observable<ApolloLink.Result> {
  return defer(() => {
    const { changes, own, refetches } = stateOf(operation.client);
    const end = own.begin();
    return forward(operation).pipe(
      map((result) => {
        changes.note();
        own.note(result.data, updates);
        // Apollo writes the result, and removes the optimistic one, right after this: before the next turn.
        refetches.drop({ data: result.data, updates });
        return result;
      }),
      finalize(end),
    );
  });
}

/**
 * After each mutation, has everything queried again that only the server knows. A query is also sent again if a change
 * came between its request and its response. Both are done here, in front of the network: Apollo merges a query with an
 * equal one that is under way, and all kinds of requests pass here, such as those of `fetchMore` and of polling.
 */
export function staleLink(updates?: MutationUpdates): ApolloLink {
  return new ApolloLink((operation, forward) => {
    if (operation.operationType === OperationTypeNode.MUTATION) return changeResult(operation, forward, updates);
    if (operation.operationType !== OperationTypeNode.QUERY) return forward(operation);
    const { changes, refetches } = stateOf(operation.client);
    return isContinued(operation) ? sendContinued(operation, forward, refetches.settled, changes.since) : currentResult(operation, forward);
  });
}
