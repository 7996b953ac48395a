// Responses that arrive in another order than their requests were sent: Apollo Client.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, test } from "node:test";
import type { ApolloClient, WatchQueryFetchPolicy } from "@apollo/client";
import { bearerToken } from "@hallpass/client";
import { createHallpassApollo, refetchDisplayed, refetchStale, type HallpassApolloOptions } from "@hallpass/client/apollo";
import { COMPLETE_TASK, CREATE_TASK, DELETE_TASK, TASK_EVENTS, TASK_NODES, TASKS } from "../src/documents.js";
import { holdingFetch, turn, type HoldingFetch } from "./held.js";
import { breakableSockets } from "./sockets.js";
import { liveUrl, productionUrl, signUp, until, type User } from "./support.js";

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

function clientOf(user: User, { fetch }: HoldingFetch = holdingFetch(), options: Partial<HallpassApolloOptions> = {}): ApolloClient {
  const credentials = bearerToken(() => user.sessionToken());
  const { client, live } = createHallpassApollo({ url: productionUrl, credentials, fetch, ...options });
  ends.push(() => client.stop(), () => void live?.dispose());
  return client;
}

async function add(client: ApolloClient, title: string): Promise<string> {
  const { data } = await client.mutate({ mutation: CREATE_TASK, variables: { input: { title } } });
  return data?.createTask.edge.node.id ?? assert.fail("no task");
}

interface Watched {
  readonly filter?: { readonly completed: boolean };
  readonly fetchPolicy?: WatchQueryFetchPolicy;
}

/** What a component with this query displays, after each change. */
function watchTitles(client: ApolloClient, { filter, ...options }: Watched = {}) {
  const shown: string[] = [];
  const query = client.watchQuery({ query: TASKS, variables: { first: 10, ...(filter && { filter }) }, ...options });
  const subscription = query.subscribe(({ data, dataState }) => {
    if (dataState === "complete") shown.push(data.tasks.edges.map(({ node }) => node.title).join());
  });
  return { query, shown, last: () => shown.at(-1), stop: () => subscription.unsubscribe() };
}

// Lists are dropped a turn after the mutation.
for (const [when, dropped] of [["before", () => undefined], ["after", turn]] as const) {
  test(`a list queried again earlier arrives ${when} the drop`, async () => {
    const network = holdingFetch();
    const client = clientOf(await signUp(), network);
    const [one, two] = [await add(client, "1"), await add(client, "2")];
    await add(client, "3");
    const open = watchTitles(client, { filter: { completed: false } });
    await until("the list", () => open.last() === "3,2,1");
    const response = network.hold("Tasks");
    await client.mutate({ mutation: COMPLETE_TASK, variables: { id: one } });
    await response.computed;
    await client.mutate({ mutation: COMPLETE_TASK, variables: { id: two } });
    await dropped();
    response.release();
    await until("the open rows", () => open.last() === "3");
    assert.ok(!open.shown.includes("3,2"), open.shown.join(" | "));
    open.stop();
  });
}

for (const fetchPolicy of ["cache-first", "network-only", "cache-and-network", "no-cache"] as const) {
  test(`${fetchPolicy}: a first list from before a change is not used`, async () => {
    const network = holdingFetch();
    const client = clientOf(await signUp(), network);
    await add(client, "old");
    network.sent.length = 0;
    const response = network.hold("Tasks");
    const list = watchTitles(client, { fetchPolicy });
    await response.computed;
    await add(client, "new");
    response.release();
    await until("the list", () => list.last() === "new,old");
    assert.deepEqual(list.shown, ["new,old"]);
    assert.deepEqual(network.sent, ["Tasks", "CreateTask", "Tasks"]);
    list.stop();
  });
}

test("a persisted query is sent again by its hash", async () => {
  const network = holdingFetch();
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const client = clientOf(await signUp(), network, { persisted: { sha256 } });
  await add(client, "old");
  await client.query({ query: TASKS, variables: { first: 1 } });
  network.sent.length = 0;
  const response = network.hold("Tasks");
  const list = watchTitles(client, { fetchPolicy: "network-only" });
  await response.computed;
  await add(client, "new");
  response.release();
  await until("the list", () => list.last() === "new,old");
  assert.deepEqual(network.sent, ["Tasks", "CreateTask", "Tasks"]);
  list.stop();
});

test("a row that was deleted does not come back", async () => {
  const network = holdingFetch();
  const client = clientOf(await signUp(), network);
  await add(client, "old");
  const id = await add(client, "deleted");
  const list = watchTitles(client);
  await until("the list", () => list.last() === "deleted,old");
  const response = network.hold("Tasks");
  const open = watchTitles(client, { filter: { completed: false } });
  await response.computed;
  await client.mutate({ mutation: DELETE_TASK, variables: { id } });
  response.release();
  await until("the open rows", () => open.last() === "old");
  assert.deepEqual([list.last(), open.shown], ["old", ["old"]]);
  for (const { stop } of [open, list]) stop();
});

test("a page from before a change is not used", async () => {
  const network = holdingFetch();
  const client = clientOf(await signUp(), network);
  const id = await add(client, "1");
  for (const title of ["2", "3", "4"]) await add(client, title);
  const nodes = client.watchQuery({ query: TASK_NODES, variables: { first: 2 } });
  const subscription = nodes.subscribe(() => undefined);
  const titles = (): string | undefined => nodes.getCurrentResult().data?.tasks?.nodes?.map((node) => node?.title).join();
  await until("the first page", () => titles() === "4,3");
  const response = network.hold("TaskNodes");
  const more = nodes.fetchMore({ variables: { after: nodes.getCurrentResult().data?.tasks?.pageInfo?.endCursor ?? "" } });
  await response.computed;
  await client.mutate({ mutation: DELETE_TASK, variables: { id } });
  response.release();
  const { data } = await more;
  assert.deepEqual(data?.tasks.nodes.map((node) => node.title), ["2"]);
  await until("both pages", () => titles() === "4,3,2");
  subscription.unsubscribe();
});

test("a poll from before a change is not used", async () => {
  const network = holdingFetch();
  const client = clientOf(await signUp(), network);
  await add(client, "old");
  const list = watchTitles(client);
  await until("the list", () => list.last() === "old");
  const response = network.hold("Tasks");
  list.query.startPolling(10);
  await response.computed;
  list.query.stopPolling();
  await add(client, "new");
  response.release();
  await until("the list", () => list.last() === "new,old");
  list.stop();
});

test("a list from before an event is not used", async () => {
  const user = await signUp();
  const network = holdingFetch();
  const client = clientOf(user, network);
  const device = clientOf(user);
  await add(device, "old");
  const response = network.hold("Tasks");
  const open = watchTitles(client, { filter: { completed: false } });
  await response.computed;
  const id = await add(device, "new");
  refetchStale(client, { createTask: { task: { id } } });
  response.release();
  await until("the list", () => open.last() === "new,old");
  assert.deepEqual(open.shown, ["new,old"]);
  open.stop();
});

test("a list from before a gap of the socket is not used", async () => {
  const user = await signUp();
  const [network, sockets] = [holdingFetch(), breakableSockets()];
  const client = clientOf(user, network, { liveUrl: liveUrl(productionUrl), liveOptions: { options: sockets.options } });
  const device = clientOf(user);
  await add(device, "old");
  const events = client.subscribe({ query: TASK_EVENTS, fetchPolicy: "no-cache" }).subscribe(() => undefined);
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

test("a list that is not displayed is queried again after missed events", async () => {
  const user = await signUp();
  const [client, device] = [clientOf(user), clientOf(user)];
  await add(device, "old");
  const list = watchTitles(client);
  await until("the list", () => list.last() === "old");
  list.stop();
  await add(device, "new");
  refetchDisplayed(client);
  await until("the drop", () => client.readQuery({ query: TASKS, variables: { first: 10 } }) === null);
  const again = watchTitles(client);
  await until("the list", () => again.last() === "new,old");
  assert.ok(!again.shown.includes("old"));
  again.stop();
});

test("events faster than responses do not keep a list", async () => {
  const user = await signUp();
  const network = holdingFetch();
  const client = clientOf(user, network);
  const device = clientOf(user);
  let response = network.hold("Tasks");
  const list = watchTitles(client, { filter: { completed: false } });
  for (const title of ["1", "2", "3", "4"]) {
    assert.deepEqual(list.shown, []);
    await response.computed;
    const id = await add(device, title);
    refetchStale(client, { createTask: { task: { id } } });
    const before = response;
    response = network.hold("Tasks");
    before.release();
  }
  // The fourth response is one too many, and is shown until the next one is there.
  await response.computed;
  assert.deepEqual([...new Set(list.shown)], ["3,2,1"]);
  response.release();
  await until("the list", () => list.last() === "4,3,2,1");
  list.stop();
});
