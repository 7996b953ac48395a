// Lists with several pages, while rows change: graphcache.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "@urql/core";
import { bearerToken } from "@hallpass/client";
import { applyChange, hallpassUrql, refetchDisplayed } from "@hallpass/client/urql";
import { hallpassGraphcache } from "@hallpass/client/urql/graphcache";
import { pipe, subscribe } from "wonka";
import { COMPLETE_TASK, CREATE_TASK, OPEN_EDGES, OPEN_NODES, UPDATE_TASK } from "../src/documents.js";
import { holdingFetch } from "./held.js";
import { addDays, deviceOf, steps, taskOf } from "./pages.js";
import { productionUrl, signUp, until } from "./support.js";

/** What a query displays: the titles of the rows, and the cursor of the next page. */
interface Rows {
  readonly titles: string;
  readonly end: string | null;
}

type Watch = (client: Client, after: string | undefined, show: (rows: Rows) => void) => () => void;

const watchNodes: Watch = (client, after, show) =>
  pipe(
    client.query(OPEN_NODES, { first: 2, ...(after === undefined ? {} : { after }) }),
    subscribe(({ data }) => {
      if (data) show({ titles: data.tasks.nodes.map(({ title }) => title).join(), end: data.tasks.pageInfo.endCursor });
    }),
  ).unsubscribe;

const watchEdges: Watch = (client, after, show) =>
  pipe(
    client.query(OPEN_EDGES, after === undefined ? {} : { after }),
    subscribe(({ data }) => {
      if (data) show({ titles: data.open.edges.map(({ node }) => node.title).join(), end: data.open.pageInfo.endCursor });
    }),
  ).unsubscribe;

const queries = { OpenNodes: watchNodes, OpenEdges: watchEdges };

/** How a component pages: its query has the cursor as a variable, or one query loads pages for another. */
type Style = "setAfter" | "extra query";

async function listOf(name: keyof typeof queries, style: Style, pages: number) {
  const user = await signUp();
  const device = deviceOf(user);
  const ids = await addDays(device, 1, 2, 3, 4, 5, 6, 7);
  const network = holdingFetch();
  const credentials = bearerToken(() => user.sessionToken());
  const client = new Client(hallpassUrql({ url: productionUrl, credentials, fetch: network.fetch, cache: hallpassGraphcache() }));
  const shown: string[] = [];
  let end: string | null = null;
  const show = (rows: Rows): void => {
    shown.push(rows.titles);
    end = rows.end;
  };
  let stop = queries[name](client, undefined, show);
  const more = (): void => {
    if (style === "setAfter") stop();
    const next = queries[name](client, end ?? undefined, style === "setAfter" ? show : () => undefined);
    if (style === "setAfter") stop = next;
  };
  for (let page = 1; page <= pages; page += 1) {
    if (page > 1) more();
    await until(`page ${page}`, () => shown.at(-1) === "1,2,3,4,5,6,7".slice(0, 4 * page - 1));
  }
  shown.splice(0, shown.length - 1);
  network.sent.length = 0;
  const untilShown = (rows: string): Promise<void> => until(rows, () => shown.at(-1) === rows);
  return { device, ids, network, client, shown, more, until: untilShown };
}

/** The list never has a row twice, nor a gap: the days are in their order. */
function assertJoined(shown: readonly string[]): void {
  for (const titles of shown) assert.deepEqual(titles.split(","), [...new Set(titles.split(","))].sort(), steps(shown).join(" | "));
}

for (const name of ["OpenNodes", "OpenEdges"] as const) {
  for (const style of ["setAfter", "extra query"] as const) {
    test(`${name}, ${style}: a page under way while a row is created joins up`, async () => {
      const list = await listOf(name, style, 1);
      const response = list.network.hold(name);
      list.more();
      await response.computed;
      await list.client.mutation(CREATE_TASK, { input: taskOf(0) }).toPromise();
      response.release();
      await list.until("0,1,2,3");
      assertJoined(list.shown);
    });

    test(`${name}, ${style}: a page under way while an event arrives joins up`, async () => {
      const list = await listOf(name, style, 2);
      const response = list.network.hold(name);
      list.more();
      await response.computed;
      const [id] = await addDays(list.device, 0);
      await applyChange(list.client, { createTask: { task: { id, version: 1 } } });
      response.release();
      await until("the new row", () => list.shown.at(-1)?.startsWith("0,1,2,3") ?? false);
      // The list may have been loaded again after the page: then an extra query has to be repeated.
      if (style === "extra query" && list.shown.at(-1) === "0,1,2,3") list.more();
      await list.until("0,1,2,3,4,5");
      assertJoined(list.shown);
    });

    test(`${name}, ${style}: loaded pages stay loaded after a change`, async () => {
      const list = await listOf(name, style, 3);
      await list.client.mutation(COMPLETE_TASK, { id: list.ids[2] ?? "" }).toPromise();
      await list.until("1,2,4,5,6,7");
      list.more();
      await list.client.mutation(UPDATE_TASK, { id: list.ids[6] ?? "", input: { dueOn: "2031-01-01" } }).toPromise();
      await list.until("7,1,2,4,5,6");
      assert.deepEqual(steps(list.shown), ["1,2,3,4,5,6", "1,2,4,5,6,7", "7,1,2,4,5,6"]);
    });

    test(`${name}, ${style}: loaded pages stay loaded after missed events`, async () => {
      const list = await listOf(name, style, 2);
      await addDays(list.device, 0);
      refetchDisplayed(list.client);
      await list.until("0,1,2,3");
      list.more();
      await list.until("0,1,2,3,4,5");
      assert.deepEqual(steps(list.shown), ["1,2,3,4", "0,1,2,3", "0,1,2,3,4,5"]);
    });
  }

  test(`${name}: a list of several pages is loaded again by few requests`, async () => {
    const list = await listOf(name, "setAfter", 3);
    await list.client.mutation(COMPLETE_TASK, { id: list.ids[2] ?? "" }).toPromise();
    await list.until("1,2,4,5,6,7");
    const requests = name === "OpenNodes" ? 2 : 3; // a page has a fixed size in the other document
    assert.deepEqual(list.network.sent, ["CompleteTask", ...Array<string>(requests).fill(name)]);
  });
}
