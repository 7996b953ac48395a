import { ApolloLink } from "@apollo/client";
import { OperationTypeNode } from "graphql";
import { map } from "rxjs";
import type { MutationUpdates } from "../cache/mutations.js";
import { dropStale } from "./cache.js";

/** After each mutation, drops what only the server knows: see `dropStale`. */
export function staleLink(updates?: MutationUpdates): ApolloLink {
  return new ApolloLink((operation, forward) => {
    const results = forward(operation);
    if (operation.operationType !== OperationTypeNode.MUTATION) return results;
    return results.pipe(
      map((result) => {
        // Apollo writes the result, and removes the optimistic one, right after this.
        setTimeout(() => dropStale(operation.client.cache, result.data, updates), 0);
        return result;
      }),
    );
  });
}
