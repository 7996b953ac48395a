// Lists with several pages, while rows change: Apollo Client.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ApolloClient } from "@apollo/client";
import { bearerToken } from "@hallpass/client";
import { applyChange, createHallpassApollo, refetchDisplayed } from "@hallpass/client/apollo";
import { COMPLETE_TASK, CREATE_TASK, OPEN_EDGES, OPEN_NODES, UPDATE_TASK } from "../src/documents.js";
import { holdingFetch } from "./held.js";
import { addDays, deviceOf, steps, taskOf } from "./pages.js";
import { productionUrl, signUp, until } from "./support.js";

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

/** A displayed list, by the titles of its rows. */
interface Shown {
  readonly shown: string[];
  /** Loads a further page. */
  more(): Promise<unknown>;
}

function watchNodes(client: ApolloClient): Shown {
  const shown: string[] = [];
  const query = client.watchQuery({ query: OPEN_NODES, variables: { first: 2 } });
  const subscription = query.subscribe(({ data, dataState }) => {
    if (dataState === "complete") shown.push(data.tasks.nodes.map(({ title }) => title).join());
  });
  ends.push(() => subscription.unsubscribe());
  const cursor = (): string => query.getCurrentResult().data?.tasks?.pageInfo?.endCursor ?? assert.fail("no cursor");
  return { shown, more: () => query.fetchMore({ variables: { after: cursor() } }) };
}

function watchEdges(client: ApolloClient): Shown {
  const shown: string[] = [];
  const query = client.watchQuery({ query: OPEN_EDGES });
  const subscription = query.subscribe(({ data, dataState }) => {
    if (dataState === "complete") shown.push(data.open.edges.map(({ node }) => node.title).join());
  });
  ends.push(() => subscription.unsubscribe());
  const cursor = (): string => query.getCurrentResult().data?.open?.pageInfo?.endCursor ?? assert.fail("no cursor");
  return { shown, more: () => query.fetchMore({ variables: { after: cursor() } }) };
}

const queries = { OpenNodes: watchNodes, OpenEdges: watchEdges };

/** A list of seven rows, of which some pages are displayed. */
async function listOf(name: keyof typeof queries, pages: number) {
  const user = await signUp();
  const device = deviceOf(user);
  const ids = await addDays(device, 1, 2, 3, 4, 5, 6, 7);
  const network = holdingFetch();
  const credentials = bearerToken(() => user.sessionToken());
  const { client } = createHallpassApollo({ url: productionUrl, credentials, fetch: network.fetch });
  ends.push(() => client.stop());
  const { shown, more } = queries[name](client);
  for (let page = 1; page <= pages; page += 1) {
    if (page > 1) await more();
    await until(`page ${page}`, () => shown.at(-1) === "1,2,3,4,5,6,7".slice(0, 4 * page - 1));
  }
  const untilShown = (rows: string): Promise<void> => until(rows, () => shown.at(-1) === rows);
  shown.splice(0, shown.length - 1);
  network.sent.length = 0;
  return { device, ids, network, client, shown, more, until: untilShown };
}

for (const name of ["OpenNodes", "OpenEdges"] as const) {
  test(`${name}: a page under way while a row is created joins up`, async () => {
    const list = await listOf(name, 1);
    const response = list.network.hold(name);
    const page = list.more();
    await response.computed;
    await list.client.mutate({ mutation: CREATE_TASK, variables: { input: taskOf(0) } });
    response.release();
    await page;
    await list.until("0,1,2,3");
    assert.deepEqual(steps(list.shown), ["1,2", "0,1", "0,1,2,3"]);
  });

  test(`${name}: a page under way while a row leaves joins up`, async () => {
    const list = await listOf(name, 1);
    const response = list.network.hold(name);
    const page = list.more();
    await response.computed;
    await list.client.mutate({ mutation: COMPLETE_TASK, variables: { id: list.ids[0] ?? "" } });
    response.release();
    await page;
    const rows = name === "OpenNodes" ? "2,3,4,5" : "2,3,4"; // of edges, the cursor is known: it is that of row 2
    await list.until(rows);
    assert.deepEqual(steps(list.shown), ["1,2", "2,3", rows]);
  });

  test(`${name}: a page under way while an event arrives joins up`, async () => {
    const list = await listOf(name, 2);
    const response = list.network.hold(name);
    const page = list.more();
    await response.computed;
    const [id] = await addDays(list.device, 0);
    await applyChange(list.client, { createTask: { task: { __typename: "Task", id, version: 1 } } });
    response.release();
    await page;
    await list.until("0,1,2,3,4,5");
    assert.deepEqual(steps(list.shown), ["1,2,3,4", "0,1,2,3", "0,1,2,3,4,5"]);
  });

  test(`${name}: a page that is requested while a list is loaded again joins up`, async () => {
    const list = await listOf(name, 1);
    const response = list.network.hold(name);
    await list.client.mutate({ mutation: COMPLETE_TASK, variables: { id: list.ids[1] ?? "" } });
    await response.computed;
    const page = list.more();
    response.release();
    await page;
    await list.until("1,3,4,5");
    assert.deepEqual(steps(list.shown), ["1,2", "1,3", "1,3,4,5"]);
  });

  test(`${name}: a page that is requested twice is there once`, async () => {
    const list = await listOf(name, 1);
    await Promise.all([list.more(), list.more()]);
    await list.until("1,2,3,4");
    await list.more();
    await list.until("1,2,3,4,5,6");
    assert.deepEqual(steps(list.shown), ["1,2", "1,2,3,4", "1,2,3,4,5,6"]);
  });

  test(`${name}: loaded pages stay loaded after a change`, async () => {
    const list = await listOf(name, 3);
    await list.client.mutate({ mutation: COMPLETE_TASK, variables: { id: list.ids[2] ?? "" } });
    await list.until("1,2,4,5,6,7");
    const requests = name === "OpenNodes" ? 2 : 3; // a page has a fixed size in the other document
    assert.deepEqual(list.network.sent, ["CompleteTask", ...Array<string>(requests).fill(name)]);
    await list.client.mutate({ mutation: UPDATE_TASK, variables: { id: list.ids[6] ?? "", input: { dueOn: "2031-01-01" } } });
    await list.until("7,1,2,4,5,6");
    assert.deepEqual(steps(list.shown), ["1,2,3,4,5,6", "1,2,4,5,6,7", "7,1,2,4,5,6"]);
  });

  test(`${name}: loaded pages stay loaded after missed events`, async () => {
    const list = await listOf(name, 2);
    await addDays(list.device, 0);
    refetchDisplayed(list.client);
    await list.until("0,1,2,3");
    await list.more();
    await list.until("0,1,2,3,4,5");
    assert.deepEqual(steps(list.shown), ["1,2,3,4", "0,1,2,3", "0,1,2,3,4,5"]);
  });
}
