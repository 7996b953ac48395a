// Changes that arrive as events: Apollo Client.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ApolloClient } from "@apollo/client";
import { bearerToken, type RetryOptions } from "@hallpass/client";
import { createHallpassApollo, refetchDisplayed, refetchStale } from "@hallpass/client/apollo";
import { CREATE_TASK, TASK_STATS, TASKS } from "../src/documents.js";
import { limitedFetch } from "./limited.js";
import { productionUrl, recorded, signUp, sleep, until, type User } from "./support.js";

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

interface Options {
  readonly fetch?: typeof fetch;
  readonly retry?: RetryOptions;
}

function clientOf(user: User, options: Options = {}): ApolloClient {
  const { client } = createHallpassApollo({ url: productionUrl, credentials: bearerToken(() => user.sessionToken()), ...options });
  ends.push(() => client.stop());
  return client;
}

async function add(client: ApolloClient, title: string): Promise<string> {
  const { data } = await client.mutate({ mutation: CREATE_TASK, variables: { input: { title } } });
  return data?.createTask.edge.node.id ?? assert.fail("no task");
}

/** The open rows that a component displays, and the counts. */
function watch(client: ApolloClient) {
  const [titles, totals]: [string[], number[]] = [[], []];
  const list = client.watchQuery({ query: TASKS, variables: { first: 10, filter: { completed: false } } });
  const stats = client.watchQuery({ query: TASK_STATS });
  const subscriptions = [
    list.subscribe(({ data, dataState }) => {
      if (dataState === "complete") titles.push(data.tasks.edges.map(({ node }) => node.title).join());
    }),
    stats.subscribe(({ data, dataState }) => {
      if (dataState === "complete") totals.push(data.taskStats.total);
    }),
  ];
  ends.push(() => subscriptions.forEach((subscription) => subscription.unsubscribe()));
  return { shown: () => `${titles.at(-1)}/${totals.at(-1)}` };
}

test("each displayed query is sent once for a burst of events", async () => {
  const user = await signUp();
  const sent: string[] = [];
  const client = clientOf(user, { fetch: recorded(sent) });
  const device = clientOf(user);
  const displayed = watch(client);
  await until("the empty list", () => displayed.shown() === "/0");
  sent.length = 0;
  for (const title of ["1", "2", "3", "4", "5"]) {
    refetchStale(client, { createTask: { task: { id: await add(device, title) } } });
  }
  refetchDisplayed(client);
  refetchDisplayed(client);
  await until("the list and the counts", () => displayed.shown() === "5,4,3,2,1/5");
  await sleep(300);
  assert.deepEqual(sent.sort(), ["TaskStats", "Tasks"]);
});

const refetches = {
  stale: (client: ApolloClient) => refetchStale(client, { createTask: { task: { id: "x" } } }),
  displayed: refetchDisplayed,
};

for (const [name, change] of Object.entries(refetches)) {
  test(`a ${name} query is sent again when a rate limit allows it`, async () => {
    const user = await signUp();
    const limited = limitedFetch();
    const client = clientOf(user, { fetch: limited.fetch, retry: { maxWait: 0 } });
    const displayed = watch(client);
    await until("the empty list", () => displayed.shown() === "/0");
    await add(clientOf(user), "new");
    limited.reject(2);
    change(client);
    await until("both rejections", () => limited.rejected() === 2);
    await until("the list and the counts", () => displayed.shown() === "new/1");
  });
}
