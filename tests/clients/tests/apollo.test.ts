import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, test } from "node:test";
import { CombinedGraphQLErrors, type ApolloClient } from "@apollo/client";
import { betterAuthToken, firstError } from "@hallpass/client";
import { createHallpassApollo, hallpassCache, hallpassLink, type HallpassApollo } from "@hallpass/client/apollo";
import { ApolloClient as Client } from "@apollo/client";
import {
  CHAPTER,
  COMPLETE_TASK,
  COURSE_CHAPTERS,
  CREATE_CHAPTER,
  CREATE_COURSE,
  CREATE_TASK,
  CREATE_TASKS,
  DELETE_TASK,
  ME,
  PUBLIC_TASKS,
  TASK_OWN,
  TASK_EVENTS,
  TASK_NODES,
  TASK_STATS,
  TASKS,
} from "../src/documents.js";
import type { CreateTaskMutation } from "../src/gql/graphql.js";
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

const clients: HallpassApollo[] = [];
after(async () => {
  for (const { client, live } of clients) {
    client.stop();
    await live?.dispose();
  }
});

/** The client of a new user, whose list of tasks is empty. The names of its requests are added to `sent`. */
async function apolloOf(user: User, sent: string[] = []): Promise<HallpassApollo> {
  const created = createHallpassApollo({
    url: productionUrl,
    liveUrl: liveUrl(productionUrl),
    credentials: betterAuthToken(user.client, { channel: user.email }),
    client: { name: "tests", version: "1.0" },
    fetch: recorded(sent),
    liveOptions: { options: { webSocketImpl } },
  });
  clients.push(created);
  return created;
}

/** The optimistic response of CREATE_TASK. */
function createdTask(title: string, total: number): CreateTaskMutation {
  return {
    createTask: {
      __typename: "CreateTaskPayload",
      edge: {
        __typename: "TaskEdge",
        cursor: "",
        node: { __typename: "Task", id: "temporary", title, version: 1, own: { __typename: "OwnTask", priority: "MEDIUM", tags: [] } },
      },
      taskStats: { __typename: "TaskStats", total, completed: 0 },
    },
  };
}

async function add(client: ApolloClient, ...titles: string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const title of titles) {
    const { data } = await client.mutate({ mutation: CREATE_TASK, variables: { input: { title } } });
    ids.push(data?.createTask.edge.node.id ?? "");
  }
  return ids;
}

/** The titles that a component with this query displays, after each change. */
function watchTitles(client: ApolloClient, first: number, filter?: { completed: boolean }) {
  const shown: string[][] = [];
  const query = client.watchQuery({ query: TASKS, variables: { first, ...(filter === undefined ? {} : { filter }) } });
  const subscription = query.subscribe(({ data, dataState }) => {
    if (dataState === "complete") shown.push(data.tasks.edges.map(({ node }) => node.title));
  });
  const titles = (): readonly string[] => shown.at(-1) ?? [];
  return { query, titles, shown, stop: () => subscription.unsubscribe() };
}

test("a list grows by pages, by edges and by nodes", async () => {
  const { client } = await apolloOf(await signUp());
  await add(client, "1", "2", "3", "4", "5");
  const edges = watchTitles(client, 2);
  await until("the first page", () => edges.titles().length === 2);
  for (const shown of [4, 5]) {
    const { data } = edges.query.getCurrentResult();
    const after = data?.tasks?.pageInfo?.endCursor ?? "";
    await edges.query.fetchMore({ variables: { after } });
    await until("the next page", () => edges.titles().length === shown);
  }
  assert.deepEqual(edges.titles(), ["5", "4", "3", "2", "1"]);
  edges.stop();

  const nodes = client.watchQuery({ query: TASK_NODES, variables: { first: 3 }, fetchPolicy: "network-only" });
  const subscription = nodes.subscribe(() => undefined);
  const titles = (): unknown => nodes.getCurrentResult().data?.tasks?.nodes?.map((node) => node?.title);
  await until("the first nodes", () => JSON.stringify(titles()) === '["5","4","3"]');
  const after = nodes.getCurrentResult().data?.tasks?.pageInfo?.endCursor ?? "";
  await nodes.fetchMore({ variables: { after } });
  await until("all nodes", () => JSON.stringify(titles()) === '["5","4","3","2","1"]');
  subscription.unsubscribe();
});

test("a created task is displayed at once, and a deleted one is not", async () => {
  const { client } = await apolloOf(await signUp());
  await add(client, "old");
  const list = watchTitles(client, 10);
  const filtered = watchTitles(client, 10, { completed: false });
  await until("the lists", () => list.titles().length === 1 && filtered.titles().length === 1);
  const { data: before } = await client.query({ query: TASK_STATS });
  assert.equal(before?.taskStats.total, 1);

  const pending = client.mutate({
    mutation: CREATE_TASK,
    variables: { input: { title: "new" } },
    optimisticResponse: createdTask("new…", 2),
  });
  await until("the optimistic row", () => list.shown.some((titles) => titles.join() === "new…,old"), 5);
  const { data } = await pending;
  await until("the row", () => list.titles().join() === "new,old");
  await until("the row in the filtered list", () => filtered.titles().join() === "new,old");
  const { data: stats } = await client.query({ query: TASK_STATS });
  assert.equal(stats?.taskStats.total, 2);

  await client.mutate({ mutation: COMPLETE_TASK, variables: { id: data?.createTask.edge.node.id ?? "" } });
  await until("only open rows in the filtered list", () => filtered.titles().join() === "old");
  assert.equal(list.titles().join(), "new,old");

  await client.mutate({ mutation: DELETE_TASK, variables: { id: data?.createTask.edge.node.id ?? "" } });
  await until("the row is gone", () => list.titles().join() === "old" && filtered.titles().join() === "old");
  list.stop();
  filtered.stop();
});

test("an optimistic row disappears when the mutation fails", async () => {
  const { client } = await apolloOf(await signUp());
  await add(client, "old");
  const list = watchTitles(client, 10);
  await until("the list", () => list.titles().length === 1);
  const failing = client.mutate({
    mutation: CREATE_TASK,
    variables: { input: { title: "" } },
    optimisticResponse: createdTask("bad", 2),
  });
  await assert.rejects(failing, (error) => CombinedGraphQLErrors.is(error) && firstError(error)?.code === "BAD_USER_INPUT");
  assert.ok(list.shown.some((titles) => titles.join() === "bad,old"));
  await until("the old list", () => list.titles().join() === "old");
  list.stop();
});

/** The counts that a component displays, as `total/completed`. */
function watchStats(client: ApolloClient) {
  const shown: string[] = [];
  const subscription = client.watchQuery({ query: TASK_STATS }).subscribe(({ data, dataState }) => {
    if (dataState === "complete") shown.push(`${data.taskStats.total}/${data.taskStats.completed}`);
  });
  return { shown, last: () => shown.at(-1), stop: () => subscription.unsubscribe() };
}

test("the payload changes the list and the counts, without a second request", async () => {
  const sent: string[] = [];
  const { client } = await apolloOf(await signUp(), sent);
  await add(client, "old");
  const list = watchTitles(client, 10);
  const stats = watchStats(client);
  await until("the list and the counts", () => list.titles().length === 1 && stats.last() === "1/0");
  sent.length = 0;
  const created = await client.mutate({
    mutation: CREATE_TASK,
    variables: { input: { title: "new" } },
    optimisticResponse: createdTask("new", 2),
  });
  await until("the row and the counts", () => list.titles().join() === "new,old" && stats.last() === "2/0");
  const { cursor, node } = created.data?.createTask.edge ?? assert.fail("no edge");
  const stored = client.readQuery({ query: TASKS, variables: { first: 10 } });
  assert.equal(stored?.tasks.edges[0]?.cursor, cursor);
  assert.notEqual(cursor, "");
  await client.mutate({ mutation: COMPLETE_TASK, variables: { id: node.id } });
  await until("the counts of a completed task", () => stats.last() === "2/1");
  await client.mutate({ mutation: DELETE_TASK, variables: { id: node.id } });
  await until("the row and the counts", () => list.titles().join() === "old" && stats.last() === "1/0");
  await sleep(300);
  assert.deepEqual(sent, ["CreateTask", "CompleteTask", "DeleteTask"]);

  // A payload without the counts has them queried again.
  await client.mutate({ mutation: CREATE_TASKS, variables: { inputs: [{ title: "1" }, { title: "2" }] } });
  await until("the rows and the counts", () => list.titles().join() === "2,1,old" && stats.last() === "3/0");
  assert.deepEqual(sent.slice(3), ["CreateTasks", "TaskStats"]);
  const { data } = await client.query({ query: TASKS, variables: { first: 10 }, fetchPolicy: "network-only" });
  assert.equal(data?.tasks.edges.map((edge) => edge.node.title).join(), "2,1,old");
  list.stop();
  stats.stop();
});

test("two queries select different fields of Task.own", async () => {
  const { client } = await apolloOf(await signUp());
  const [id = ""] = await add(client, "mine");
  await client.query({ query: TASKS, variables: { first: 10 } });
  const { data } = await client.query({ query: TASK_OWN, variables: { id } });
  assert.deepEqual(data?.task?.own, { __typename: "OwnTask", description: null, dueOn: null });
  const stored = client.readQuery({ query: TASKS, variables: { first: 10 } });
  assert.equal(stored?.tasks.edges[0]?.node.own?.priority, "MEDIUM");
});

test("Task.own is null for other users, without an error", async () => {
  await executor("premium")({ query: `mutation { createTask(input: {title: "${unique("public")}", isPublic: true}) { task { id } } }` });
  const cache = hallpassCache();
  const free = new Client({ cache, link: hallpassLink({ url: developmentUrl, credentials: persona("free") }) });
  const { data } = await free.query({ query: PUBLIC_TASKS });
  const nodes = data?.publicTasks.nodes ?? [];
  assert.ok(nodes.some(({ isOwner }) => !isOwner));
  for (const { isOwner, own } of nodes) assert.equal(own !== null, isOwner);
});

test("a new chapter has the chapters of its course queried again", async () => {
  const { client } = createHallpassApollo({ url: developmentUrl, credentials: persona("editor") });
  const slug = unique("apollo-course").replace(" ", "-");
  const created = await client.mutate({ mutation: CREATE_COURSE, variables: { input: { title: slug, slug } } });
  const id = created.data?.createCourse.course.id ?? "";
  const query = client.watchQuery({ query: COURSE_CHAPTERS, variables: { id } });
  const subscription = query.subscribe(() => undefined);
  const shown = (): string => {
    const course = query.getCurrentResult().data?.course;
    return JSON.stringify([course?.chapterCount, course?.chapters?.nodes?.map((chapter) => [chapter?.title, chapter?.next != null])]);
  };
  await until("the empty course", () => shown() === "[0,[]]");
  for (const title of ["One", "Two"]) {
    const input = { title, slug: `${slug}-${title.toLowerCase()}`, requiredTier: "free" };
    const { data } = await client.mutate({ mutation: CREATE_CHAPTER, variables: { courseId: id, input } });
    assert.equal(data?.createChapter.chapter.name, title);
  }
  await until("both chapters", () => shown() === '[2,[["One",true],["Two",false]]]');
  subscription.unsubscribe();
  client.stop();
});

test("errors of a query have their code", async () => {
  const { client } = await apolloOf(await signUp());
  const { data } = await executor("free")({ query: "{ chapters(first: 50) { nodes { slug requiredTier } } }" });
  const slug = /"slug":"([^"]+)","requiredTier":"enterprise"/.exec(JSON.stringify(data))?.[1] ?? "";
  const development = new Client({
    cache: hallpassCache(),
    link: hallpassLink({ url: developmentUrl, credentials: persona("free") }),
  });
  await assert.rejects(development.query({ query: CHAPTER, variables: { slug } }), (error) => {
    const found = firstError(error);
    return found?.code === "FORBIDDEN" && found.extensions.missing.includes("TIER(enterprise)");
  });
  const { data: partial, error } = await development.query({
    query: CHAPTER,
    variables: { slug },
    errorPolicy: "all",
    fetchPolicy: "network-only",
  });
  assert.equal(typeof partial?.chapter?.title, "string");
  assert.equal(firstError(error)?.code, "FORBIDDEN");
  client.stop();
});

test("a rejected token of the request has its code too", async () => {
  const client = new Client({
    cache: hallpassCache(),
    link: hallpassLink({
      url: developmentUrl,
      credentials: { mode: "omit", headers: async () => ({ authorization: "Bearer no.no.no" }), renew: () => undefined },
    }),
  });
  await assert.rejects(client.query({ query: ME }), (error) => firstError(error)?.code === "UNAUTHENTICATED");
});

test("subscriptions need no socket: Apollo's own multipart protocol", async () => {
  const client = new Client({
    cache: hallpassCache(),
    link: hallpassLink({ url: developmentUrl, credentials: persona("editor") }),
  });
  const kinds: string[] = [];
  const subscription = client.subscribe({ query: TASK_EVENTS }).subscribe({
    next: ({ data, error }) => kinds.push(error?.message ?? `${data?.taskEvents.kind}`),
    error: (error: Error) => kinds.push(error.message),
  });
  await until("an event", async () => {
    await add(client, "multipart");
    await sleep(150);
    return kinds.length > 0;
  });
  assert.equal(kinds[0], "CREATED");
  subscription.unsubscribe();
});

test("persisted queries are sent by their hash", async () => {
  const bodies: string[] = [];
  const recordedBodies: typeof fetch = (input, init) => {
    bodies.push(typeof init?.body === "string" ? init.body : "");
    return fetch(input, init);
  };
  const client = new Client({
    cache: hallpassCache(),
    link: hallpassLink({
      url: developmentUrl,
      credentials: persona("free"),
      fetch: recordedBodies,
      persisted: { sha256: (text: string) => createHash("sha256").update(text).digest("hex") },
    }),
  });
  for (let times = 0; times < 2; times += 1) {
    const { data } = await client.query({ query: ME, fetchPolicy: "network-only" });
    assert.equal(data?.me.method, "JWT");
  }
  const documents = bodies.map((body) => body.includes('"query"'));
  assert.equal(documents.at(-1), false, bodies.join("\n"));
  assert.ok(bodies.length <= 3);
});

test("subscriptions go on across the expiry of a token, and the gap is closed", async () => {
  const user = await signUp();
  const { client } = await apolloOf(user);
  const list = watchTitles(client, 10);
  const events: string[] = [];
  const failures: unknown[] = [];
  const subscription = client.subscribe({ query: TASK_EVENTS }).subscribe({
    next: ({ data, error }) => {
      if (error !== undefined) failures.push(error);
      if (data != null) events.push(`${data.taskEvents.kind} ${data.taskEvents.task?.title}`);
    },
    error: (error) => failures.push(error),
  });
  const { client: device } = await apolloOf(user);
  await until("the first event", async () => {
    await add(device, unique("ping"));
    await sleep(100);
    return events.length > 0;
  });
  await sleep(5000); // the token lasts 4 s
  await until("an event after the expiry", async () => {
    await add(device, "late");
    await sleep(200);
    return events.includes("CREATED late");
  });
  assert.deepEqual(failures, []);
  await until("the list was queried again", () => list.titles().includes("late"));
  subscription.unsubscribe();
  list.stop();
});
