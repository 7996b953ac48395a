import assert from "node:assert/strict";
import { test } from "node:test";
import { cacheExchange, Client, CombinedError, type Exchange } from "@urql/core";
import { betterAuthToken, firstError } from "@hallpass/client";
import { hallpassUrql } from "@hallpass/client/urql";
import { hallpassGraphcache } from "@hallpass/client/urql/graphcache";
import { pipe, subscribe } from "wonka";
import {
  COMPLETE_TASK,
  COURSE_CHAPTERS,
  CREATE_CHAPTER,
  CREATE_COURSE,
  CREATE_TASK,
  CREATE_TASKS,
  DELETE_TASK,
  ME,
  PUBLIC_TASKS,
  TASK_EVENTS,
  TASK_NODES,
  TASK_OWN,
  TASK_STATS,
  TASKS,
} from "../src/documents.js";
import {
  appOrigin,
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

/** A client of a user. The names of its requests are added to `sent`. */
async function clientOf(cache: Exchange, given?: User, sent: string[] = []): Promise<Client> {
  const user = given ?? (await signUp());
  return new Client(
    hallpassUrql({
      url: productionUrl,
      liveUrl: liveUrl(productionUrl),
      credentials: betterAuthToken(user.client, { channel: user.email }),
      liveOptions: { options: { webSocketImpl } },
      fetch: recorded(sent),
      cache,
    }),
  );
}

async function add(client: Client, ...titles: string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const title of titles) {
    const { data, error } = await client.mutation(CREATE_TASK, { input: { title } }).toPromise();
    assert.equal(error, undefined);
    ids.push(data?.createTask.edge.node.id ?? "");
  }
  return ids;
}

/** The titles that a component with this query displays. */
function watchTitles(client: Client, variables: { first?: number; after?: string; filter?: { completed: boolean } }) {
  let shown: readonly string[] = [];
  const { unsubscribe } = pipe(
    client.query(TASKS, variables),
    subscribe(({ data }) => {
      if (data !== undefined) shown = data.tasks.edges.map(({ node }) => node.title);
    }),
  );
  return { titles: () => shown, stop: unsubscribe };
}

test("urql's own cache works with the options", async () => {
  const client = await clientOf(cacheExchange);
  await add(client, "one"); // an empty list does not show urql's cache that it has tasks
  const list = watchTitles(client, { first: 10 });
  await until("the list", () => list.titles().join() === "one");
  await add(client, "two");
  await until("the changed list", () => list.titles().join() === "two,one");
  list.stop();
});

test("urql with its defaults, a cookie and GET is accepted", async () => {
  const user = await signUp();
  const methods: unknown[] = [];
  const client = new Client({
    url: productionUrl,
    exchanges: hallpassUrql({ url: productionUrl, cache: cacheExchange }).exchanges,
    fetch: (input, init) => {
      methods.push(init?.method);
      const headers = new Headers(init?.headers);
      headers.set("cookie", user.cookie);
      headers.set("origin", appOrigin);
      headers.set("sec-fetch-mode", "cors"); // as a browser states it
      return fetch(input, { ...init, headers });
    },
  });
  const { data, error } = await client.query(ME, {}).toPromise();
  assert.equal(error, undefined);
  assert.equal(data?.me.method, "SESSION_COOKIE");
  assert.deepEqual(methods, ["GET"]);
});

test("graphcache joins pages, and knows what mutations change", async () => {
  const client = await clientOf(hallpassGraphcache());
  const ids = await add(client, "1", "2", "3");
  const first = await client.query(TASKS, { first: 2 }).toPromise();
  const after = first.data?.tasks.pageInfo.endCursor ?? "";
  const both = watchTitles(client, { first: 2, after });
  await until("both pages", () => both.titles().join() === "3,2,1");
  both.stop();

  const list = watchTitles(client, { first: 10 });
  const open = watchTitles(client, { first: 10, filter: { completed: false } });
  await until("the lists", () => list.titles().length === 3 && open.titles().length === 3);
  assert.equal((await client.query(TASK_STATS, {}).toPromise()).data?.taskStats.total, 3);
  await add(client, "4");
  await until("the created row", () => list.titles()[0] === "4" && open.titles()[0] === "4");
  assert.equal((await client.query(TASK_STATS, {}).toPromise()).data?.taskStats.total, 4);
  await client.mutation(DELETE_TASK, { id: ids[0] ?? "" }).toPromise();
  await until("the deleted row", () => list.titles().join() === "4,3,2" && open.titles().join() === "4,3,2");
  await client.mutation(COMPLETE_TASK, { id: ids[1] ?? "" }).toPromise();
  await until("only open rows in the filtered list", () => open.titles().join() === "4,3");
  assert.equal(list.titles().join(), "4,3,2");
  list.stop();
  open.stop();
});

/** The counts that a component displays, as `total/completed`. */
function watchStats(client: Client) {
  const shown: string[] = [];
  const { unsubscribe } = pipe(
    client.query(TASK_STATS, {}),
    subscribe(({ data }) => {
      if (data !== undefined) shown.push(`${data.taskStats.total}/${data.taskStats.completed}`);
    }),
  );
  return { last: () => shown.at(-1), stop: unsubscribe };
}

test("the payload changes graphcache's list and counts, without a second request", async () => {
  const sent: string[] = [];
  const client = await clientOf(hallpassGraphcache(), undefined, sent);
  const [old = ""] = await add(client, "old");
  const list = watchTitles(client, { first: 10 });
  const stats = watchStats(client);
  await until("the list and the counts", () => list.titles().join() === "old" && stats.last() === "1/0");
  sent.length = 0;
  const [id = ""] = await add(client, "new");
  await until("the row and the counts", () => list.titles().join() === "new,old" && stats.last() === "2/0");
  await client.mutation(COMPLETE_TASK, { id }).toPromise();
  await until("the counts of a completed task", () => stats.last() === "2/1");
  await client.mutation(DELETE_TASK, { id: old }).toPromise();
  await until("the row and the counts", () => list.titles().join() === "new" && stats.last() === "1/1");
  await sleep(300);
  assert.deepEqual(sent, ["CreateTask", "CompleteTask", "DeleteTask"]);

  // A payload without the counts has them queried again.
  await client.mutation(CREATE_TASKS, { inputs: [{ title: "1" }, { title: "2" }] }).toPromise();
  await until("the rows and the counts", () => list.titles().join() === "2,1,new" && stats.last() === "3/1");
  assert.deepEqual(sent.slice(3), ["CreateTasks", "TaskStats"]);
  const { data } = await client.query(TASKS, { first: 10 }, { requestPolicy: "network-only" }).toPromise();
  assert.equal(data?.tasks.edges.map(({ node }) => node.title).join(), "2,1,new");
  list.stop();
  stats.stop();
});

test("graphcache joins the fields of Task.own, which is null for other users", async () => {
  const client = await clientOf(hallpassGraphcache());
  const [id = ""] = await add(client, "mine");
  await client.query(TASKS, { first: 10 }).toPromise();
  const { data } = await client.query(TASK_OWN, { id }).toPromise();
  assert.equal(data?.task?.own?.description, null);
  const stored = client.readQuery(TASKS, { first: 10 });
  assert.equal(stored?.data?.tasks.edges[0]?.node.own?.priority, "MEDIUM");

  const other = unique("public");
  await executor("premium")({ query: `mutation { createTask(input: {title: "${other}", isPublic: true}) { task { id } } }` });
  const free = new Client(hallpassUrql({ url: developmentUrl, credentials: persona("free"), cache: hallpassGraphcache() }));
  const { data: tasks, error } = await free.query(PUBLIC_TASKS, {}).toPromise();
  assert.equal(error, undefined);
  assert.ok(tasks?.publicTasks.nodes.some(({ isOwner }) => !isOwner));
  for (const { isOwner, own } of tasks?.publicTasks.nodes ?? []) assert.equal(own !== null, isOwner);
});

test("a new chapter has graphcache query the chapters of its course again", async () => {
  const client = new Client(hallpassUrql({ url: developmentUrl, credentials: persona("editor"), cache: hallpassGraphcache() }));
  const slug = unique("urql-course").replace(" ", "-");
  const created = await client.mutation(CREATE_COURSE, { input: { title: slug, slug } }).toPromise();
  const id = created.data?.createCourse.course.id ?? "";
  let shown = "";
  const { unsubscribe } = pipe(
    client.query(COURSE_CHAPTERS, { id }),
    subscribe(({ data }) => {
      const course = data?.course;
      shown = JSON.stringify([course?.chapterCount, course?.chapters.nodes.map(({ title, next }) => [title, next !== null])]);
    }),
  );
  await until("the empty course", () => shown === "[0,[]]");
  for (const title of ["One", "Two"]) {
    const input = { title, slug: `${slug}-${title.toLowerCase()}`, requiredTier: "free" };
    const { data } = await client.mutation(CREATE_CHAPTER, { courseId: id, input }).toPromise();
    assert.equal(data?.createChapter.chapter.name, title);
  }
  await until("both chapters", () => shown === '[2,[["One",true],["Two",false]]]');
  unsubscribe();
});

test("graphcache has no warning about keys of the schema's types", async () => {
  const warnings: string[] = [];
  const { warn, error } = console;
  console.warn = console.error = (...words: unknown[]) => void warnings.push(words.join(" "));
  try {
    const client = await clientOf(hallpassGraphcache());
    const [id = ""] = await add(client, "warned");
    await client.query(TASK_NODES, { first: 5 }).toPromise();
    await client.query(ME, {}).toPromise();
    await client.query(TASK_STATS, {}).toPromise();
    await client.mutation(DELETE_TASK, { id }).toPromise();
    const everything = `{ courses { nodes { id progress { percent nextChapter { id } } chapters { nodes { id } } } pageInfo { endCursor } edges { cursor } }
      chapters { nodes { id next { id } viewer { why } progress { percent } } } taskTags { tag count } me { id profile { interestArea } } }`;
    const { error: failure } = await client.query(everything, {}).toPromise();
    assert.equal(failure, undefined);
  } finally {
    Object.assign(console, { warn, error });
  }
  assert.deepEqual(warnings, []);
});

test("CombinedError has the code", async () => {
  const client = new Client(hallpassUrql({ url: developmentUrl, credentials: persona("free"), cache: cacheExchange }));
  const { error } = await client.mutation(CREATE_TASK, { input: { title: "" } }).toPromise();
  assert.ok(error instanceof CombinedError);
  const found = firstError(error);
  assert.equal(found?.code === "BAD_USER_INPUT" && found.extensions.fields["input.title"], "this is required");
  const several = await client.mutation(CREATE_TASK, { input: { title: "", tags: [""] } }).toPromise();
  assert.equal(several.error?.message, "input.title: this is required");
  const gone = new Client(hallpassUrql({ url: "http://127.0.0.1:9/graphql", cache: cacheExchange }));
  const failed = (await gone.query(ME, {}).toPromise()).error;
  assert.equal(firstError(failed)?.code, "NETWORK_ERROR");
  assert.equal(failed?.message, "The API could not be reached. Check the connection and try again.");
});

test("events arrive before and after the expiry of a token, and the gap is closed", async () => {
  const user = await signUp();
  const client = await clientOf(hallpassGraphcache(), user);
  const device = await clientOf(cacheExchange, user);
  const events: string[] = [];
  const { unsubscribe } = pipe(
    client.subscription(TASK_EVENTS, {}),
    subscribe(({ data, error }) => events.push(error?.message ?? `${data?.taskEvents.task?.title}`)),
  );
  const list = watchTitles(client, { first: 50 });
  for (const title of ["before", "after"]) {
    await until(`the event ${title}`, async () => {
      await add(device, title);
      await sleep(200);
      return events.includes(title);
    });
    await sleep(5000); // the token lasts 4 s
  }
  assert.ok(events.every((event) => event === "before" || event === "after"), events.join());
  // Only a gap has the list queried again: no mutation of this client changed it.
  await until("the list", () => list.titles().includes("after"));
  list.stop();
  unsubscribe();
});
