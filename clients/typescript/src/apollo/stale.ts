import { ApolloLink, type ApolloClient } from "@apollo/client";
import { OperationTypeNode } from "graphql";
import { map } from "rxjs";
import type { MutationUpdates } from "../cache/mutations.js";
import { dropStale } from "./cache.js";

/**
 * Drops what only the server knows after a mutation (see `dropStale`), and sends displayed queries again that lack
 * something then.
 */
export function refetchStale(client: ApolloClient, data: unknown, updates?: MutationUpdates): void {
  void client.refetchQueries({
    updateCache: (cache) => dropStale(cache, data, updates),
    onQueryUpdated: (_query, { complete }) => (complete ? undefined : true),
  });
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
