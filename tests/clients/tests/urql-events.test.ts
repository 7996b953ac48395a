// Changes that arrive as events: urql.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { cacheExchange, Client, type Exchange } from "@urql/core";
import { bearerToken, type RetryOptions } from "@hallpass/client";
import { applyChange, hallpassUrql, refetchDisplayed } from "@hallpass/client/urql";
import { hallpassGraphcache } from "@hallpass/client/urql/graphcache";
import { pipe, subscribe } from "wonka";
import { CREATE_TASK, DELETE_TASK, LIVE_TASKS, TASK_STATS, TASKS } from "../src/documents.js";
import { changeOf } from "./events.js";
import { limitedFetch } from "./limited.js";
import { liveUrl, productionUrl, recorded, signUp, sleep, until, webSocketImpl, type User } from "./support.js";

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

interface Options {
  readonly cache?: Exchange;
  readonly fetch?: typeof fetch;
  readonly retry?: RetryOptions;
}

function clientOf(user: User, options: Options = {}): Client {
  const urql = hallpassUrql({
    url: productionUrl,
    liveUrl: liveUrl(productionUrl),
    liveOptions: { options: { webSocketImpl } },
    credentials: bearerToken(() => user.sessionToken()),
    cache: cacheExchange,
    ...options,
  });
  ends.push(() => void urql.live?.dispose());
  return new Client(urql);
}

async function add(client: Client, title: string): Promise<string> {
  const { data } = await client.mutation(CREATE_TASK, { input: { title } }).toPromise();
  return data?.createTask.edge.node.id ?? assert.fail("no task");
}

/** The open rows that a component displays, and the counts. */
function watch(client: Client) {
  let [titles, total]: [string | undefined, number | undefined] = [undefined, undefined];
  const list = pipe(
    client.query(TASKS, { first: 10, filter: { completed: false } }),
    subscribe(({ data }) => void (titles = data?.tasks.edges.map(({ node }) => node.title).join())),
  );
  const stats = pipe(client.query(TASK_STATS, {}), subscribe(({ data }) => void (total = data?.taskStats.total)));
  const stop = (): void => [list, stats].forEach(({ unsubscribe }) => unsubscribe());
  ends.push(stop);
  return { shown: () => `${titles}/${total}`, stop };
}

/** Applies the events of a user, whose titles it returns. */
async function applyEvents(client: Client, user: User): Promise<readonly string[]> {
  const titles: string[] = [];
  const { unsubscribe } = pipe(
    client.subscription(LIVE_TASKS, {}),
    subscribe(({ data }) => {
      if (data === undefined) return;
      titles.push(`${data.taskEvents.kind} ${data.taskEvents.task?.title}`);
      const change = changeOf(data.taskEvents);
      if (change === "RESYNC") refetchDisplayed(client);
      else void applyChange(client, change);
    }),
  );
  ends.push(unsubscribe);
  const device = clientOf(user);
  await until("the first event", async () => {
    await device.mutation(DELETE_TASK, { id: await add(device, "first") }).toPromise();
    await sleep(100);
    return titles.length > 0;
  });
  await add(device, "old"); // an empty list does not show urql's cache that it has tasks
  await sleep(300);
  return titles;
}

const caches = { "urql's cache": () => cacheExchange, graphcache: () => hallpassGraphcache() };

for (const [name, cache] of Object.entries(caches)) {
  test(`${name}: changes of another device are displayed`, async () => {
    const user = await signUp();
    const client = clientOf(user, { cache: cache() });
    await applyEvents(client, user);
    const device = clientOf(user);
    const displayed = watch(client);
    await until("the list", () => displayed.shown() === "old/1");
    const id = await add(device, "new");
    await until("the created row", () => displayed.shown() === "new,old/2");
    await device.mutation(DELETE_TASK, { id }).toPromise();
    await until("the deleted row", () => displayed.shown() === "old/1");
  });

  test(`${name}: each displayed query is sent once for a burst of events`, async () => {
    const user = await signUp();
    const sent: string[] = [];
    const [client, device] = [clientOf(user, { cache: cache(), fetch: recorded(sent) }), clientOf(user)];
    await add(device, "old");
    const displayed = watch(client);
    await until("the list", () => displayed.shown() === "old/1");
    const ids: string[] = [];
    for (const title of ["1", "2", "3"]) ids.push(await add(device, title));
    sent.length = 0;
    for (const id of ids) {
      await applyChange(client, { createTask: { task: { id } } });
      await sleep(10);
    }
    await until("the created rows", () => displayed.shown() === "3,2,1,old/4");
    await sleep(300);
    assert.deepEqual(sent.sort(), ["TaskStats", "Tasks"]);
  });

  test(`${name}: a change of this client is not applied twice`, async () => {
    const user = await signUp();
    const sent: string[] = [];
    const client = clientOf(user, { cache: cache(), fetch: recorded(sent) });
    const titles = await applyEvents(client, user);
    const displayed = watch(client);
    await until("the list", () => displayed.shown() === "old/1");
    sent.length = 0;
    await add(client, "mine");
    await until("the task and its event", () => displayed.shown() === "mine,old/2" && titles.at(-1) === "CREATED mine");
    await sleep(500);
    assert.deepEqual(sent.filter((operation) => operation === "Tasks"), ["Tasks"]);
  });

  test(`${name}: lists that are not displayed are old after missed events`, async () => {
    const user = await signUp();
    const [client, device] = [clientOf(user, { cache: cache() }), clientOf(user)];
    await add(device, "old");
    const first = watch(client);
    await until("the list", () => first.shown() === "old/1");
    first.stop();
    await add(device, "new");
    refetchDisplayed(client);
    await sleep(300);
    const again = watch(client);
    await until("the list", () => again.shown() === "new,old/2");
  });

  test(`${name}: a query is sent again when a rate limit allows it`, async () => {
    const user = await signUp();
    const limited = limitedFetch();
    const client = clientOf(user, { cache: cache(), fetch: limited.fetch, retry: { maxWait: 0 } });
    const displayed = watch(client);
    await until("the list", () => displayed.shown() === "/0");
    await add(clientOf(user), "new");
    limited.reject(2);
    refetchDisplayed(client);
    await until("both rejections", () => limited.rejected() === 2);
    await until("the list and the counts", () => displayed.shown() === "new/1");
  });
}
