// A row that the application puts into a list with a filter, before the server has answered.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Client } from "@urql/core";
import { bearerToken } from "@hallpass/client";
import { cacheUpdater, createHallpassApollo } from "@hallpass/client/apollo";
import { hallpassUrql } from "@hallpass/client/urql";
import { hallpassGraphcache } from "@hallpass/client/urql/graphcache";
import { pipe, subscribe } from "wonka";
import { CREATE_TASK, TASK_STATS, TASKS } from "../src/documents.js";
import type { CreateTaskMutation, TasksQuery } from "../src/gql/graphql.js";
import { productionUrl, signUp, until } from "./support.js";

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

const variables = { first: 10, filter: { completed: false } };
type Edge = CreateTaskMutation["createTask"]["edge"];

const withRow = (data: TasksQuery | null, edge: Edge): TasksQuery | null =>
  data && { ...data, tasks: { ...data.tasks, edges: [edge, ...data.tasks.edges] } };

/** A fetch whose mutations wait until `release`. */
function held(): { readonly fetch: typeof fetch; readonly release: () => void } {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  return {
    fetch: async (input, init) => {
      if (String(init?.body).includes("mutation")) await released;
      return fetch(input, init);
    },
    release: () => release(),
  };
}

const titlesOf = (data: TasksQuery | null | undefined): string => `${data?.tasks.edges.map(({ node }) => node.title).join()}`;

/** The row before the server has answered: it has all fields that the list selects. */
const edge: Edge = { __typename: "TaskEdge", cursor: "", node: { __typename: "Task", id: "new", title: "new", version: 1, own: null } };

test("Apollo: a filtered list has a row at once", async () => {
  const user = await signUp();
  const { fetch: slow, release } = held();
  const { client, close } = createHallpassApollo({ url: productionUrl, credentials: bearerToken(() => user.sessionToken()), fetch: slow });
  const shown: string[] = [];
  const list = client.watchQuery({ query: TASKS, variables }).subscribe(({ data, dataState }) => {
    if (dataState === "complete") shown.push(titlesOf(data));
  });
  ends.push(() => list.unsubscribe(), close);
  await until("the empty list", () => shown.at(-1) === "");
  const update = cacheUpdater();
  const created = client.mutate({
    mutation: CREATE_TASK,
    variables: { input: { title: "new" } },
    optimisticResponse: { createTask: { __typename: "CreateTaskPayload", edge, taskStats: { __typename: "TaskStats", total: 1, completed: 0 } } },
    update: (cache, result) => {
      update(cache, result);
      const added = result.data?.createTask.edge;
      if (added) cache.updateQuery({ query: TASKS, variables }, (data) => withRow(data, added));
    },
  });
  await until("the row", () => shown.at(-1) === "new");
  release();
  const { data } = await created;
  await until("the stored row", () => client.readQuery({ query: TASKS, variables })?.tasks.edges[0]?.node.id === data?.createTask.edge.node.id);
  assert.equal(shown.at(-1), "new");
});

test("graphcache: a filtered list has a row at once", async () => {
  const user = await signUp();
  const { fetch: slow, release } = held();
  const options = hallpassUrql({
    url: productionUrl,
    credentials: bearerToken(() => user.sessionToken()),
    fetch: slow,
    cache: hallpassGraphcache(undefined, undefined, {
      optimistic: { createTask: () => ({ __typename: "CreateTaskPayload", edge }) },
      updates: {
        Mutation: {
          createTask: (result: CreateTaskMutation, _args, cache) => {
            cache.updateQuery<TasksQuery>({ query: TASKS, variables }, (data) => withRow(data, result.createTask.edge));
          },
        },
      },
    }),
  });
  const client = new Client(options);
  const total = async () => (await client.query(TASK_STATS, {}).toPromise()).data?.taskStats.total;
  assert.equal(await total(), 0);
  const [shown, ids]: [string[], (string | undefined)[]] = [[], []];
  const list = pipe(
    client.query(TASKS, variables),
    subscribe(({ data }) => {
      shown.push(titlesOf(data));
      ids.push(data?.tasks.edges[0]?.node.id);
    }),
  );
  ends.push(list.unsubscribe, options.close);
  await until("the empty list", () => shown.at(-1) === "");
  const created = client.mutation(CREATE_TASK, { input: { title: "new" } }).toPromise();
  await until("the row", () => shown.at(-1) === "new");
  release();
  const { data } = await created;
  await until("the stored row", () => ids.at(-1) === data?.createTask.edge.node.id);
  assert.equal(shown.at(-1), "new");
  assert.equal(await total(), 1, "what the package does by itself");
});
