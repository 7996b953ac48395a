/** What an urql client knows of changes: its exchanges and the functions for events share it. */
import type { Client, Operation } from "@urql/core";
import { createBurst, type Burst } from "../cache/burst.js";
import { createChanges, type Changes } from "../cache/changes.js";
import { createOwnChanges, type OwnChanges } from "../cache/own.js";
import { createQueries, type Queries } from "./queries.js";

interface State {
  readonly changes: Changes;
  readonly own: OwnChanges;
  readonly queries: Queries;
  /** Executes the operations at the end of a burst. */
  readonly burst: Burst;
  /** Adds an operation to the burst. */
  add(operation: Operation): void;
  /** Has the burst send all displayed queries, in place of its operations. */
  addAll(): void;
}

function createState(client: Client): State {
  const queries = createQueries(client);
  let operations: Operation[] = [];
  let isAll = false;
  const burst = createBurst(() => {
    const [added, all] = [operations, isAll];
    [operations, isAll] = [[], false];
    if (all) queries.refetch();
    // All are executed before the queries that they invalidate: urql sends each of these once then.
    else added.forEach((operation) => client.reexecuteOperation(operation));
  });
  return {
    changes: createChanges(),
    own: createOwnChanges(),
    queries,
    burst,
    add: (operation) => {
      operations.push(operation);
      burst.start();
    },
    addAll: () => {
      isAll = true;
      burst.start();
    },
  };
}

const states = new WeakMap<Client, State>();

export function stateOf(client: Client): State {
  const known = states.get(client) ?? createState(client);
  states.set(client, known);
  return known;
}
