/** Results that no change has outdated. */
import { makeOperation, type Exchange, type Operation, type OperationResult } from "@urql/core";
import { filter, makeSubject, map, merge, pipe, share } from "wonka";
import type { Changes } from "../cache/changes.js";

function withContext(operation: Operation, added: object): Operation {
  return makeOperation(operation.kind, operation, { ...operation.context, ...added });
}

/** Notes when a query was sent. In its context, which is kept by exchanges that change the operation. */
function marked(operation: Operation, changes: Changes): Operation {
  return operation.kind === "query" ? withContext(operation, { isOutdated: changes.since() }) : operation;
}

function isOutdated({ operation: { kind, context } }: OperationResult): boolean {
  const check: unknown = context["isOutdated"];
  return kind === "query" && typeof check === "function" && check() === true;
}

/**
 * A cache that receives no results from before a change: their queries are sent again (see `Changes`). They pass through
 * the cache again, as graphcache puts results into the order in which it has seen their operations.
 */
export function currentResults(cache: Exchange, changes: Changes): Exchange {
  return (input) => {
    const again = makeSubject<Operation>();
    const isCurrent = (result: OperationResult): boolean => {
      if (result.operation.kind === "mutation") changes.note();
      if (!isOutdated(result)) return true;
      again.next(withContext(result.operation, { requestPolicy: "network-only" }));
      return false;
    };
    // Caches subscribe to both sources several times.
    const cached = cache({
      ...input,
      forward: (operations) =>
        pipe(
          operations,
          map((operation) => marked(operation, changes)),
          input.forward,
          filter(isCurrent),
          share,
        ),
    });
    return (operations) => cached(pipe(merge([operations, again.source]), share));
  };
}
