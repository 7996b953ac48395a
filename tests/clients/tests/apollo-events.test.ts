// Changes that arrive as events: Apollo Client.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ApolloClient } from "@apollo/client";
import { bearerToken, type RetryOptions } from "@hallpass/client";
import { applyChange, createHallpassApollo, refetchDisplayed, refetchStale } from "@hallpass/client/apollo";
import {
  CHAPTER_PUBLISHED,
  COURSE_CHAPTERS,
  CREATE_CHAPTER,
  CREATE_COURSE,
  CREATE_TASK,
  DELETE_TASK,
  LIVE_TASKS,
  TASK_STATS,
  TASKS,
  UPDATE_TASK,
} from "../src/documents.js";
import { changeOf } from "./events.js";
import { limitedFetch } from "./limited.js";
import {
  developmentUrl,
  executor,
  liveUrl,
  persona,
  productionUrl,
  recorded,
  signUp,
  sleep,
  unique,
  until,
  webSocketImpl,
  type User,
} from "./support.js";

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

interface Options {
  readonly fetch?: typeof fetch;
  readonly retry?: RetryOptions;
}

function clientOf(user: User, options: Options = {}): ApolloClient {
  const { client, live } = createHallpassApollo({
    url: productionUrl,
    liveUrl: liveUrl(productionUrl),
    liveOptions: { options: { webSocketImpl } },
    credentials: bearerToken(() => user.sessionToken()),
    ...options,
  });
  ends.push(() => client.stop(), () => void live?.dispose());
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

/** Applies the events of a user, whose titles it returns. */
async function applyEvents(client: ApolloClient, user: User): Promise<readonly string[]> {
  const titles: string[] = [];
  const subscription = client.subscribe({ query: LIVE_TASKS, fetchPolicy: "no-cache" }).subscribe(({ data }) => {
    if (data === undefined || data === null) return;
    titles.push(`${data.taskEvents.kind} ${data.taskEvents.task?.title}`);
    const change = changeOf(data.taskEvents);
    if (change === "RESYNC") refetchDisplayed(client);
    else void applyChange(client, change);
  });
  ends.push(() => subscription.unsubscribe());
  const device = clientOf(user);
  await until("the first event", async () => {
    await device.mutate({ mutation: DELETE_TASK, variables: { id: await add(device, "first") } });
    await sleep(100);
    return titles.length > 0;
  });
  await sleep(300);
  return titles;
}

test("a change of this client is not applied twice", async () => {
  const user = await signUp();
  const sent: string[] = [];
  const client = clientOf(user, { fetch: recorded(sent) });
  const titles = await applyEvents(client, user);
  const displayed = watch(client);
  await until("the empty list", () => displayed.shown() === "/0");
  sent.length = 0;
  const id = await add(client, "mine");
  await until("the task", () => displayed.shown() === "mine/1");
  await client.mutate({ mutation: DELETE_TASK, variables: { id } });
  await until("both events", () => titles.at(-1) === "DELETED undefined" && titles.includes("CREATED mine"));
  await sleep(300);
  assert.deepEqual(sent.sort(), ["CreateTask", "DeleteTask", "Tasks"]);
  assert.equal(displayed.shown(), "/0");
});

test("a change of another device is stored and displayed", async () => {
  const user = await signUp();
  const sent: string[] = [];
  const [client, device] = [clientOf(user, { fetch: recorded(sent) }), clientOf(user)];
  await applyEvents(client, user);
  const { data } = await device.mutate({ mutation: CREATE_TASK, variables: { input: { title: "old", tags: ["tag"] } } });
  const id = data?.createTask.edge.node.id ?? "";
  const row = () => client.cache.readQuery({ query: TASKS, variables: { first: 10 } })?.tasks.edges[0]?.node;
  await client.query({ query: TASKS, variables: { first: 10 } });
  await until("the row", () => row()?.title === "old");
  sent.length = 0;
  await device.mutate({ mutation: UPDATE_TASK, variables: { id, input: { title: "new", tags: [] } } });
  await until("the changed row", () => row()?.title === "new");
  assert.deepEqual(row()?.own?.tags, []);
  await add(device, "second");
  await until("the created row", () => row()?.title === "second");
  assert.deepEqual(sent, []);
});

test("an earlier event changes neither a later row nor a deleted one", async () => {
  const user = await signUp();
  const [client, device] = [clientOf(user), clientOf(user)];
  const id = await add(device, "first");
  const event = (version: number) => ({ updateTask: { task: { __typename: "Task", id, title: "event", version } } });
  const title = () => client.cache.readQuery({ query: TASKS, variables: { first: 10 } })?.tasks.edges[0]?.node.title;
  await device.mutate({ mutation: UPDATE_TASK, variables: { id, input: { title: "second" } } });
  await client.query({ query: TASKS, variables: { first: 10 } });
  await applyChange(client, event(1));
  assert.equal(title(), "second");
  await applyChange(client, event(3));
  assert.equal(title(), "event");
  await client.mutate({ mutation: DELETE_TASK, variables: { id } });
  await applyChange(client, event(4));
  assert.equal(title(), undefined);
});

test("each displayed query is sent once for a burst of events", async () => {
  const user = await signUp();
  const sent: string[] = [];
  const client = clientOf(user, { fetch: recorded(sent) });
  const device = clientOf(user);
  const displayed = watch(client);
  await until("the empty list", () => displayed.shown() === "/0");
  sent.length = 0;
  const ids: string[] = [];
  for (const title of ["1", "2", "3", "4", "5"]) ids.push(await add(device, title));
  for (const id of ids) {
    refetchStale(client, { createTask: { task: { id } } });
    await sleep(10);
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

test("a published chapter is displayed in its course", async () => {
  const editor = createHallpassApollo({ url: developmentUrl, credentials: persona("editor") }).client;
  const reader = createHallpassApollo({
    url: developmentUrl,
    liveUrl: liveUrl(developmentUrl),
    liveOptions: { options: { webSocketImpl } },
  });
  ends.push(() => editor.stop(), () => reader.client.stop(), () => void reader.live?.dispose());
  const publish = (type: string, id: string): Promise<unknown> =>
    executor("editor")({ query: `mutation($id: ID!) { publish${type}(id: $id) { query { __typename } } }`, variables: { id } });
  const slug = unique("published").replace(" ", "-");
  const course = await editor.mutate({ mutation: CREATE_COURSE, variables: { input: { title: slug, slug } } });
  const courseId = course.data?.createCourse.course.id ?? assert.fail("no course");
  await publish("Course", courseId);
  const shown: string[] = [];
  const displayed = reader.client.watchQuery({ query: COURSE_CHAPTERS, variables: { id: courseId } }).subscribe(({ data, dataState }) => {
    if (dataState === "complete") shown.push(`${data.course?.chapters.nodes.map(({ title }) => title).join()}`);
  });
  const events = reader.client.subscribe({ query: CHAPTER_PUBLISHED, fetchPolicy: "no-cache" }).subscribe(({ data }) => {
    if (data) void applyChange(reader.client, { publishChapter: { chapter: data.chapterPublished } });
  });
  ends.push(() => displayed.unsubscribe(), () => events.unsubscribe());
  await until("the empty course", () => shown.at(-1) === "");
  await sleep(500); // the subscription is active
  const input = { title: "One", slug: `${slug}-one`, requiredTier: "free" };
  const chapter = await editor.mutate({ mutation: CREATE_CHAPTER, variables: { courseId, input } });
  await publish("Chapter", chapter.data?.createChapter.chapter.id ?? "");
  await until("the chapter", () => shown.at(-1) === "One");
});
