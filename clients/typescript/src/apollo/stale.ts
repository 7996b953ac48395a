import { ApolloLink, NetworkStatus, type ApolloClient, type ObservableQuery } from "@apollo/client";
import { OperationTypeNode } from "graphql";
import { filter, firstValueFrom, map } from "rxjs";
import { knownUpdates, mutationUpdates, type MutationUpdates } from "../cache/mutations.js";
import { dropStale } from "./cache.js";

/** Whether the response to come may be from before the mutation. */
function isPending(query: ObservableQuery): boolean {
  const { networkStatus } = query.getCurrentResult();
  return [NetworkStatus.loading, NetworkStatus.setVariables, NetworkStatus.refetch].includes(networkStatus);
}

/** Sends a query again after the response to come: while that is awaited, Apollo does not send it a second time. */
async function refetchLater(query: ObservableQuery): Promise<void> {
  await firstValueFrom(query.pipe(filter(() => !isPending(query))));
  // The request ends right after its response.
  await new Promise((resolve) => setTimeout(resolve, 0));
  await query.refetch();
}

/**
 * Drops what only the server knows after a mutation (see `dropStale`), and sends displayed queries again that lack
 * something then. Those that have no response yet are sent again too: it may be from before the mutation.
 */
export function refetchStale(client: ApolloClient, data: unknown, updates: MutationUpdates = mutationUpdates): void {
  if (knownUpdates(data, updates).length === 0) return;
  const pending = new Set([...client.getObservableQueries()].filter(isPending));
  void client.refetchQueries({
    updateCache: (cache) => dropStale(cache, data, updates),
    onQueryUpdated: (query, { complete }) => (complete || pending.has(query) ? undefined : true),
  });
  // The query itself reports a failure, and one that is no longer displayed has no response.
  for (const query of pending) refetchLater(query).catch(() => undefined);
}

/** After each mutation, has everything queried again that only the server knows: see `refetchStale`. */
export function staleLink(updates?: MutationUpdates): ApolloLink {
  return new ApolloLink((operation, forward) => {
    const results = forward(operation);
    if (operation.operationType !== OperationTypeNode.MUTATION) return results;
    return results.pipe(
      map((result) => {
        // Apollo writes the result, and removes the optimistic one, right after this.
        setTimeout(() => refetchStale(operation.client, result.data, updates), 0);
        return result;
      }),
    );
  });
}
