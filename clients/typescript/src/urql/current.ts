/** Results that no change has outdated. */
import { makeOperation, type Client, type Exchange, type Operation, type OperationResult } from "@urql/core";
import { filter, makeSubject, map, merge, pipe, share, tap } from "wonka";
import type { Changes } from "../cache/changes.js";
import type { MutationUpdates } from "../cache/mutations.js";
import { rootFields } from "../cache/pages.js";
import { isChange } from "./events.js";
import { sentAgain } from "./queries.js";
import { stateOf } from "./state.js";

/** Notes when a query was sent. In its context, which is kept by exchanges that change the operation. */
function marked(operation: Operation, changes: Changes): Operation {
  const context = { ...operation.context, isOutdated: changes.since() };
  return operation.kind === "query" ? makeOperation("query", operation, context) : operation;
}

function isOutdated({ operation: { kind, context } }: OperationResult): boolean {
  const check: unknown = context["isOutdated"];
  return kind === "query" && typeof check === "function" && check() === true;
}

/** Has urql's own cache send queries again that have types which a mutation changes beside those of its payload. */
function withTypes(operation: Operation, updates: MutationUpdates): Operation {
  if (operation.kind !== "mutation" || isChange(operation)) return operation;
  const types = rootFields(operation.query).flatMap((name) => {
    const update = updates[name];
    return update === undefined ? [] : [update.type, ...(update.types ?? [])];
  });
  const additionalTypenames = [...(operation.context.additionalTypenames ?? []), ...types];
  return makeOperation("mutation", operation, { ...operation.context, additionalTypenames });
}

/** Notes the mutations of a client, from their request to their result. */
function ownMutations(client: Client, updates: MutationUpdates) {
  const { changes, own } = stateOf(client);
  const ends = new Map<number, () => void>();
  const end = (key: number): void => {
    ends.get(key)?.();
    ends.delete(key);
  };
  const onOperation = (operation: Operation): void => {
    if (operation.kind === "mutation" && !isChange(operation)) ends.set(operation.key, own.begin());
    if (operation.kind === "teardown") end(operation.key);
  };
  const onResult = ({ operation, data }: OperationResult): void => {
    if (operation.kind !== "mutation") return;
    changes.note();
    if (!isChange(operation)) own.note(data, updates);
    end(operation.key);
  };
  return { onOperation, onResult };
}

/**
 * A cache that receives no results from before a change: their queries are sent again (see `Changes`). They pass through
 * the cache again, as graphcache puts results into the order in which it has seen their operations.
 */
export function currentResults(cache: Exchange, updates: MutationUpdates): Exchange {
  return (input) => {
    const { changes, queries, burst } = stateOf(input.client);
    const { onOperation, onResult } = ownMutations(input.client, updates);
    const again = makeSubject<Operation>();
    const sendAgain = async (operation: Operation): Promise<void> => {
      // Further events of a burst would outdate the next result too.
      await burst.ended();
      if (queries.isDisplayed(operation)) again.next(sentAgain(operation));
    };
    const isCurrent = (result: OperationResult): boolean => {
      if (!isOutdated(result)) return true;
      void sendAgain(result.operation);
      return false;
    };
    // Caches subscribe to both sources several times.
    const cached = cache({
      ...input,
      forward: (operations) =>
        pipe(
          operations,
          tap(onOperation),
          map((operation) => marked(operation, changes)),
          input.forward,
          tap(onResult),
          filter(isCurrent),
          share,
        ),
    });
    return (operations) => cached(pipe(merge([pipe(operations, map((operation) => withTypes(operation, updates))), again.source]), share));
  };
}
