/** The queries that are displayed, to be executed again after a gap. */
import { makeOperation, type Client, type Exchange, type Operation } from "@urql/core";
import { pipe, tap } from "wonka";

export interface ActiveQueries {
  readonly exchange: Exchange;
  /** Executes all active queries again, at the server. */
  refetch(): void;
}

export function activeQueries(): ActiveQueries {
  const active = new Map<number, { readonly operation: Operation; readonly client: Client }>();
  const exchange: Exchange =
    ({ client, forward }) =>
    (operations) =>
      forward(
        pipe(
          operations,
          tap((operation) => {
            if (operation.kind === "query") active.set(operation.key, { operation, client });
            if (operation.kind === "teardown") active.delete(operation.key);
          }),
        ),
      );
  const refetch = (): void => {
    for (const { operation, client } of [...active.values()]) {
      const context = { ...operation.context, requestPolicy: "network-only" } as const;
      client.reexecuteOperation(makeOperation("query", operation, context));
    }
  };
  return { exchange, refetch };
}
