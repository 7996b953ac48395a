/** A cache that is created again for each user. */
import { makeErrorResult, makeOperation, type Exchange, type ExchangeIO, type Operation, type OperationResult } from "@urql/core";
import { filter, fromArray, fromValue, makeSubject, map, merge, pipe, publish, share, switchMap, tap } from "wonka";
import { sessionEnded } from "../auth/change.js";
import type { Credentials } from "../auth/credentials.js";
import { withPolicy } from "./queries.js";

/** What is displayed until the next user's result arrives: nothing. */
function withoutData(operation: Operation): OperationResult {
  return { operation, data: undefined, stale: true, hasNext: false };
}

/** The response to a mutation of the last user does not arrive any more. */
function last(operation: Operation): OperationResult {
  return operation.kind === "mutation" ? makeErrorResult(operation, sessionEnded()) : withoutData(operation);
}

function again(operation: Operation): Operation {
  return operation.kind === "query" ? withPolicy(operation, "network-only") : operation;
}

/** The operations whose results are waited for. */
function activeOperations() {
  const active = new Map<number, Operation>();
  return {
    note: (operation: Operation): void => {
      if (operation.kind === "teardown") active.delete(operation.key);
      else active.set(operation.key, operation);
    },
    end: ({ operation: { kind, key } }: OperationResult): void => {
      if (kind === "mutation") active.delete(key);
    },
    all: (): readonly Operation[] => [...active.values()],
  };
}

/** Exchanges call `forward` once: all instances of an exchange share it. */
function sharedForward(forward: ExchangeIO): ExchangeIO {
  const forwarded = makeSubject<Operation>();
  const results = pipe(forward(forwarded.source), share);
  pipe(results, publish); // they do not end with an instance
  return (operations) => merge([results, pipe(operations, tap(forwarded.next), filter(isNever), map(withoutData))]);
}

const isNever = (): boolean => false;

/** Creates the exchange again when the user of the credentials changes: displayed queries and subscriptions are sent again. */
export function perUserExchange(exchange: Exchange, onChange: NonNullable<Credentials["onChange"]>): Exchange {
  return (input) => (operations) => {
    const forward = sharedForward(input.forward);
    const { note, end, all } = activeOperations();
    const shared = pipe(operations, tap(note), share);
    const added = makeSubject<Operation>();
    const users = makeSubject<readonly Operation[]>();
    onChange(() => {
      const left = all();
      for (const operation of left) added.next(makeOperation("teardown", operation));
      users.next(left);
      for (const operation of left) if (operation.kind !== "mutation") added.next(again(operation));
    });
    const begin = (left: readonly Operation[]) =>
      merge([
        pipe(fromArray([...left]), filter(({ kind }) => kind !== "subscription"), map(last)),
        exchange({ ...input, forward })(pipe(merge([shared, added.source]), share)),
      ]);
    return pipe(merge([fromValue<readonly Operation[]>([]), users.source]), switchMap(begin), tap(end), share);
  };
}
