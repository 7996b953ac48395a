import { ApolloLink, NetworkStatus, type ApolloClient, type ObservableQuery } from "@apollo/client";
import { OperationTypeNode } from "graphql";
import { map } from "rxjs";
import { knownUpdates, mutationUpdates, type MutationUpdates } from "../cache/mutations.js";
import { dropStale } from "./cache.js";

/** Whether the response to come may be from before the mutation. */
function isPending(query: ObservableQuery): boolean {
  const { networkStatus } = query.getCurrentResult();
  return [NetworkStatus.loading, NetworkStatus.setVariables, NetworkStatus.refetch].includes(networkStatus);
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
    onQueryUpdated: (query, { complete }) => {
      if (complete) return undefined;
      pending.delete(query);
      return true;
    },
  });
  // The query itself reports a failure.
  for (const query of pending) query.refetch().catch(() => undefined);
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
