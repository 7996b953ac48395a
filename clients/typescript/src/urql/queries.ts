/** The queries of a client: those that are displayed, and those whose results are current. */
import { makeOperation, type Client, type Operation, type OperationResult, type RequestPolicy } from "@urql/core";
import { retryDelay, wait } from "../http/retry.js";

export interface Queries {
  /** Notes an operation, and returns it as it is to be sent. */
  request(operation: Operation): Operation;
  /** Notes a result. A query that a rate limit rejected is sent again when the limit allows. */
  result(result: OperationResult): void;
  /** Whether the results of an operation are waited for. */
  isDisplayed(operation: Operation): boolean;
  /** Sends all displayed queries again, and has the others sent when they are displayed. */
  refetch(): void;
}

export function withPolicy(operation: Operation, requestPolicy: RequestPolicy): Operation {
  return makeOperation(operation.kind, operation, { ...operation.context, requestPolicy });
}

/** Sent again after a change. Its page may not join up with those of the cache any more. */
export function sentAgain(operation: Operation): Operation {
  return makeOperation(operation.kind, operation, { ...operation.context, requestPolicy: "network-only", isAgain: true });
}

export function createQueries(client: Client): Queries {
  const displayed = new Map<number, Operation>();
  const limited = new Set<number>();
  /** The queries that were sent since events were missed. Undefined if none were. */
  let current: Set<number> | undefined;

  const send = (operation: Operation): void => client.reexecuteOperation(sentAgain(operation));

  /** The result in the cache is from before missed events, and also what it was stored from. */
  const isOld = ({ key, context }: Operation): boolean =>
    current?.has(key) === false && context.requestPolicy !== "cache-only";

  const sendAfterLimit = async (key: number, delay: number): Promise<void> => {
    limited.add(key);
    await wait(delay, null);
    limited.delete(key);
    const operation = displayed.get(key);
    if (operation !== undefined) send(operation);
  };

  return {
    request: (operation) => {
      if (operation.kind === "teardown") displayed.delete(operation.key);
      if (operation.kind !== "query") return operation;
      displayed.set(operation.key, operation);
      if (!isOld(operation)) return operation;
      current?.add(operation.key);
      return sentAgain(operation);
    },
    result: ({ operation: { kind, key }, error }) => {
      if (kind !== "query" || error === undefined) return;
      current?.delete(key);
      const delay = retryDelay(error);
      if (delay !== undefined && !limited.has(key)) void sendAfterLimit(key, delay);
    },
    isDisplayed: ({ key }) => displayed.has(key),
    refetch: () => {
      current = new Set();
      displayed.forEach(send);
    },
  };
}
