// Responses that arrive in another order than their requests were sent: urql.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cacheExchange, Client, type Exchange } from "@urql/core";
import { bearerToken } from "@hallpass/client";
import { hallpassUrql } from "@hallpass/client/urql";
import { hallpassGraphcache } from "@hallpass/client/urql/graphcache";
import { pipe, subscribe } from "wonka";
import { COMPLETE_TASK, CREATE_TASK, DELETE_TASK, TASK_EVENTS, TASKS, UPDATE_TASK } from "../src/documents.js";
import { holdingFetch, turn, type HoldingFetch } from "./held.js";
import { breakableSockets } from "./sockets.js";
import { liveUrl, productionUrl, signUp, until, type User } from "./support.js";

async function clientOf(cache: Exchange, { fetch }: HoldingFetch, given?: User, sockets = breakableSockets()): Promise<Client> {
  const user = given ?? (await signUp());
  const credentials = bearerToken(() => user.sessionToken());
  const liveOptions = { options: sockets.options };
  return new Client(hallpassUrql({ url: productionUrl, liveUrl: liveUrl(productionUrl), liveOptions, credentials, fetch, cache }));
}

async function add(client: Client, title: string): Promise<string> {
  const { data } = await client.mutation(CREATE_TASK, { input: { title } }).toPromise();
  return data?.createTask.edge.node.id ?? assert.fail("no task");
}

/** What a component with this query displays, after each change. */
function watchTitles(client: Client, filter?: { completed: boolean }) {
  const shown: string[] = [];
  const { unsubscribe } = pipe(
    client.query(TASKS, { first: 10, ...(filter && { filter }) }),
    subscribe(({ data }) => {
      if (data !== undefined) shown.push(data?.tasks.edges.map(({ node }) => node.title).join() ?? "");
    }),
  );
  return { shown, last: () => shown.at(-1), stop: unsubscribe };
}

const caches = { "urql's cache": () => cacheExchange, graphcache: () => hallpassGraphcache() };

for (const [name, cache] of Object.entries(caches)) {
  test(`${name}: a first list from before a change is not used`, async () => {
    const network = holdingFetch();
    const client = await clientOf(cache(), network);
    await add(client, "old");
    const response = network.hold("Tasks");
    const list = watchTitles(client);
    await response.computed;
    await add(client, "new");
    response.release();
    await until("the list", () => list.last() === "new,old");
    assert.deepEqual(list.shown, ["new,old"]);
    assert.deepEqual(network.sent, ["CreateTask", "Tasks", "CreateTask", "Tasks"]);
    list.stop();
  });

  test(`${name}: a list that was queried again before a change is current`, async () => {
    const network = holdingFetch();
    const client = await clientOf(cache(), network);
    const [one, two] = [await add(client, "1"), await add(client, "2")];
    await add(client, "3");
    const open = watchTitles(client, { completed: false });
    await until("the list", () => open.last() === "3,2,1");
    const response = network.hold("Tasks");
    await client.mutation(COMPLETE_TASK, { id: one }).toPromise();
    await response.computed;
    await client.mutation(COMPLETE_TASK, { id: two }).toPromise();
    response.release();
    await until("the open rows", () => open.last() === "3");
    assert.ok(!open.shown.includes("3,2"), open.shown.join(" | "));
    open.stop();
  });

  test(`${name}: a displayed list is current after a refetch before a change`, async () => {
    const network = holdingFetch();
    const client = await clientOf(cache(), network);
    const one = await add(client, "1");
    await add(client, "2");
    const open = watchTitles(client, { completed: false });
    await until("the list", () => open.last() === "2,1");
    const response = network.hold("Tasks");
    const refetched = client.query(TASKS, { first: 10, filter: { completed: false } }, { requestPolicy: "network-only" }).toPromise();
    await response.computed;
    await client.mutation(COMPLETE_TASK, { id: one }).toPromise();
    response.release();
    const { data } = await refetched;
    assert.deepEqual(data?.tasks.edges.map(({ node }) => node.title), ["2"]);
    await until("the open rows", () => open.last() === "2");
    assert.ok(!open.shown.includes(""), open.shown.join(" | "));
    open.stop();
  });

  test(`${name}: a list from before a gap of the socket is not used`, async () => {
    const user = await signUp();
    const [network, sockets] = [holdingFetch(), breakableSockets()];
    const client = await clientOf(cache(), network, user, sockets);
    const device = await clientOf(cacheExchange, holdingFetch(), user);
    await add(device, "old");
    const events = pipe(client.subscription(TASK_EVENTS, {}), subscribe(() => undefined));
    await sockets.connected(1);
    const response = network.hold("Tasks");
    const list = watchTitles(client);
    await response.computed;
    sockets.cut();
    await add(device, "new");
    await sockets.connected(2);
    await turn(); // the gap is reported then
    response.release();
    await until("the list", () => list.last() === "new,old");
    assert.ok(!list.shown.includes("old"));
    list.stop();
    events.unsubscribe();
  });
}

test("graphcache: a deleted row does not come back", async () => {
  const network = holdingFetch();
  const client = await clientOf(hallpassGraphcache(), network);
  await add(client, "old");
  const id = await add(client, "deleted");
  const list = watchTitles(client);
  await until("the list", () => list.last() === "deleted,old");
  const response = network.hold("Tasks");
  const open = watchTitles(client, { completed: false });
  await response.computed;
  await client.mutation(DELETE_TASK, { id }).toPromise();
  await until("the row is gone", () => list.last() === "old");
  response.release();
  await until("the open rows", () => open.last() === "old");
  assert.deepEqual([list.last(), open.shown], ["old", ["old"]]);
  open.stop();
  list.stop();
});

test("graphcache: a list sent again replaces the row of the payload", async () => {
  const user = await signUp();
  const network = holdingFetch();
  const client = await clientOf(hallpassGraphcache(), network, user);
  const device = await clientOf(cacheExchange, holdingFetch(), user);
  const id = await add(client, "first");
  const response = network.hold("Tasks");
  const list = watchTitles(client);
  await response.computed;
  await client.mutation(UPDATE_TASK, { id, input: { title: "second" } }).toPromise();
  await device.mutation(UPDATE_TASK, { id, input: { title: "third" } }).toPromise();
  response.release();
  await until("the list", () => list.last() === "third");
  list.stop();
});
