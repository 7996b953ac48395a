import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fieldErrors, firstError } from "@hallpass/client";
import { createRelayEnvironment, mutationHandlers } from "@hallpass/client/relay";
import { createLiveClient } from "@hallpass/client/ws";
import {
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  requestSubscription,
  type ConcreteRequest,
  type Environment,
  type MutationParameters,
  type OperationType,
} from "relay-runtime";
import APPEND, { type documentsAppendMutation } from "../src/relay/__generated__/documentsAppendMutation.graphql.js";
import CALLER, { type documentsCallerQuery } from "../src/relay/__generated__/documentsCallerQuery.graphql.js";
import CHAPTER from "../src/relay/__generated__/documentsChapterRefetchQuery.graphql.js";
import COURSE from "../src/relay/__generated__/documentsCourseRefetchQuery.graphql.js";
import CREATE, { type documentsCreateMutation } from "../src/relay/__generated__/documentsCreateMutation.graphql.js";
import CREATE_SEVERAL, { type documentsCreateSeveralMutation } from "../src/relay/__generated__/documentsCreateSeveralMutation.graphql.js";
import DELETE_EDGE, { type documentsDeleteEdgeMutation } from "../src/relay/__generated__/documentsDeleteEdgeMutation.graphql.js";
import DELETE_RECORD, { type documentsDeleteRecordMutation } from "../src/relay/__generated__/documentsDeleteRecordMutation.graphql.js";
import DELETE_RECORDS, { type documentsDeleteRecordsMutation } from "../src/relay/__generated__/documentsDeleteRecordsMutation.graphql.js";
import EVENT from "../src/relay/__generated__/documentsEventRefetchQuery.graphql.js";
import EVENTS, { type documentsEventsSubscription } from "../src/relay/__generated__/documentsEventsSubscription.graphql.js";
import ME from "../src/relay/__generated__/documentsMeRefetchQuery.graphql.js";
import NODE, { type documentsNodeQuery } from "../src/relay/__generated__/documentsNodeQuery.graphql.js";
import NODES, { type documentsNodesQuery } from "../src/relay/__generated__/documentsNodesQuery.graphql.js";
import OWN, { type documentsOwnQuery } from "../src/relay/__generated__/documentsOwnQuery.graphql.js";
import RECORDS, { type documentsRecordsQuery } from "../src/relay/__generated__/documentsRecordsQuery.graphql.js";
import ROWS, { type documentsRowsQuery } from "../src/relay/__generated__/documentsRowsQuery.graphql.js";
import TASK from "../src/relay/__generated__/documentsTaskRefetchQuery.graphql.js";
import TASKS, { type documentsTasksQuery } from "../src/relay/__generated__/documentsTasksQuery.graphql.js";
import USER from "../src/relay/__generated__/documentsUserRefetchQuery.graphql.js";
import VARIANT from "../src/relay/__generated__/documentsVariantRefetchQuery.graphql.js";
import VARIANTS, { type documentsVariantsQuery } from "../src/relay/__generated__/documentsVariantsQuery.graphql.js";
import { developmentUrl, liveUrl, executor, persona, sleep, unique, until, webSocketImpl, type Persona } from "./support.js";

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

function environment(name: Persona): Environment {
  const live = createLiveClient({ url: liveUrl(developmentUrl), credentials: persona(name), options: { webSocketImpl } });
  ends.push(() => void live.dispose());
  return createRelayEnvironment({ url: developmentUrl, credentials: persona(name), live });
}

function mutate<M extends MutationParameters>(of: Environment, mutation: ConcreteRequest, variables: M["variables"]): Promise<M["response"]> {
  return new Promise((resolve, reject) => {
    commitMutation<M>(of, {
      mutation,
      variables,
      ...mutationHandlers<M["response"]>({ onCompleted: resolve, onError: reject }),
    });
  });
}

async function query<Q extends OperationType>(of: Environment, node: ConcreteRequest, variables: Q["variables"]): Promise<Q["response"]> {
  const response = await fetchQuery<Q>(of, node, variables).toPromise();
  return response ?? assert.fail("no response");
}

/** A displayed list of tasks: the titles in the store, and the id of the list. */
async function listOf(of: Environment, count: number) {
  const { tasks } = await query<documentsTasksQuery>(of, TASKS, { first: count });
  const list = createOperationDescriptor(TASKS, { first: count });
  of.retain(list);
  const titles = (): string => {
    const data: unknown = of.lookup(list.fragment).data;
    return [...JSON.stringify(data).matchAll(/"title":"([^"]+)"/g)].map(([, title]) => title).join();
  };
  return { connections: [tasks?.__id ?? ""], ids: tasks?.edges.map(({ node }) => node.id) ?? [], titles };
}

test("Relay reads, and finds rows of another query by node(id:) and nodes(ids:)", async () => {
  const premium = environment("premium");
  const title = unique("relay");
  const created = await mutate<documentsCreateMutation>(premium, CREATE, { input: { title, tags: ["a"] }, connections: [] });
  assert.equal(created.createTask?.edge.node.title, title);
  const { tasks } = await query<documentsTasksQuery>(premium, TASKS, { first: 1 });
  assert.equal(tasks?.edges[0]?.node.title, title);
  const id = tasks?.edges[0]?.node.id ?? "";

  const status = (request: ConcreteRequest, variables: object): string => {
    const descriptor = createOperationDescriptor(request, { ...variables });
    premium.retain(descriptor);
    return premium.check(descriptor).status;
  };
  assert.equal(status(NODE, { id }), "available");
  assert.equal(status(NODE, { id: "unknown" }), "missing");
  assert.equal(status(NODES, { ids: [id] }), "available");
  assert.equal(status(NODES, { ids: [id, "unknown"] }), "missing");
  const { node } = await query<documentsNodeQuery>(environment("premium"), NODE, { id });
  assert.equal(node?.title, title);
  const { nodes } = await query<documentsNodesQuery>(environment("premium"), NODES, { ids: [id, "unknown"] });
  assert.deepEqual(nodes?.map((found) => found?.title), [title, undefined]);
});

test("@prependEdge and @appendEdge put the edge of the payload into the list", async () => {
  const editor = environment("editor");
  const title = unique("list");
  await mutate<documentsCreateMutation>(editor, CREATE, { input: { title }, connections: [] });
  const { connections, titles } = await listOf(editor, 1);
  assert.equal(titles(), title);
  const [first, last, one, two] = [unique("first"), unique("last"), unique("one"), unique("two")];
  await mutate<documentsCreateMutation>(editor, CREATE, { input: { title: first }, connections });
  assert.equal(titles(), [first, title].join());
  await mutate<documentsAppendMutation>(editor, APPEND, { input: { title: last }, connections });
  assert.equal(titles(), [first, title, last].join());
  const inputs = [{ title: one }, { title: two }];
  await mutate<documentsCreateSeveralMutation>(editor, CREATE_SEVERAL, { inputs, connections });
  assert.equal(titles(), [two, one, first, title, last].join());
});

test("@deleteEdge and @deleteRecord remove the row of deletedTaskId", async () => {
  const editor = environment("editor");
  const names = Array.from({ length: 5 }, () => unique("deleted"));
  for (const title of names) await mutate<documentsCreateMutation>(editor, CREATE, { input: { title }, connections: [] });
  const { connections, ids, titles } = await listOf(editor, 5);
  const [e, d, c, b, a] = ids;
  assert.equal(titles(), [...names].reverse().join());
  const source = editor.getStore().getSource();
  const deleted = await mutate<documentsDeleteEdgeMutation>(editor, DELETE_EDGE, { id: e ?? "", connections });
  assert.equal(deleted.deleteTask?.deletedTaskId, e);
  assert.equal(titles(), names.slice(0, 4).reverse().join());
  await mutate<documentsDeleteRecordMutation>(editor, DELETE_RECORD, { id: d ?? "" });
  assert.equal(source.get(d ?? ""), null);
  await mutate<documentsDeleteRecordsMutation>(editor, DELETE_RECORDS, { ids: [c ?? "", b ?? ""] });
  for (const id of [c, b]) assert.equal(source.get(id ?? ""), null);
  assert.equal(titles(), names[0]);
  const { tasks } = await query<documentsTasksQuery>(environment("editor"), TASKS, { first: 1 });
  assert.equal(tasks?.edges[0]?.node.id, a);
});

/** Queries a fragment again by node(id:), in another store: its row has this type there. */
async function refetched(name: Persona, request: ConcreteRequest, id = ""): Promise<unknown> {
  const fresh = environment(name);
  await query<OperationType>(fresh, request, { id });
  const descriptor = createOperationDescriptor(request, { id });
  fresh.retain(descriptor);
  assert.equal(fresh.check(descriptor).status, "available");
  return fresh.getStore().getSource().get(id)?.["__typename"];
}

test("a fragment on each type is refetched by its global id", async () => {
  const editor = environment("editor");
  await mutate<documentsCreateMutation>(editor, CREATE, { input: { title: unique("refetched") }, connections: [] });
  const { tasks, courses, chapters, me } = await query<documentsRowsQuery>(editor, ROWS, {});
  assert.equal(await refetched("editor", TASK, tasks?.nodes[0]?.id), "Task");
  assert.equal(await refetched("editor", COURSE, courses?.nodes[0]?.id), "Course");
  assert.equal(await refetched("editor", CHAPTER, chapters?.nodes[0]?.id), "Chapter");
  assert.equal(await refetched("editor", ME, me?.id), "Me");
  const { chapters: edited } = await query<documentsVariantsQuery>(editor, VARIANTS, {});
  assert.equal(await refetched("editor", VARIANT, edited?.nodes[0]?.variants?.[0]?.id), "ChapterVariant");

  const admin = environment("admin");
  const user = async () => (await query<documentsRecordsQuery>(admin, RECORDS, {})).users?.nodes[0];
  const event = async () => (await query<documentsRecordsQuery>(admin, RECORDS, {})).auditEvents?.nodes[0];
  // A user and an event are stored soon after the request.
  await until("a user and an event", async () => (await user()) !== undefined && (await event()) !== undefined);
  assert.equal(await refetched("admin", USER, (await user())?.id), "User");
  assert.equal(await refetched("admin", EVENT, (await event())?.id), "AuditEvent");
});

test("a row that the caller does not see is null", async () => {
  const premium = environment("premium");
  const input = { title: unique("private") };
  const { createTask } = await mutate<documentsCreateMutation>(premium, CREATE, { input, connections: [] });
  const id = createTask?.edge.node.id;
  assert.equal(await refetched("premium", TASK, id), "Task");
  assert.equal(await refetched("free", TASK, id), undefined);
});

test("the caller as Me and as User are two records of one store", async () => {
  const admin = environment("admin");
  const caller = (): Promise<documentsCallerQuery["response"]> => query<documentsCallerQuery>(admin, CALLER, {});
  const isListed = async (): Promise<boolean> => {
    const { me, users } = await caller();
    return users?.nodes.some(({ authId }) => authId === me?.authId) ?? false;
  };
  // The list has a user soon after the user's first request.
  await until("the caller in the list", isListed);
  const { me, users } = await caller();
  const user = users?.nodes.find(({ authId }) => authId === me?.authId);
  assert.notEqual(user?.id, me?.id);
  const source = admin.getStore().getSource();
  const [asMe, asUser] = [source.get(me?.id ?? ""), source.get(user?.id ?? "")];
  assert.deepEqual([asMe?.["__typename"], asUser?.["__typename"]], ["Me", "User"]);
  assert.equal(asMe?.["email"], me?.email);
  assert.equal(asUser?.["lastSeen"], user?.lastSeen);
  assert.ok(asUser !== undefined && asUser !== null && !("email" in asUser) && asMe !== null && asMe !== undefined && !("lastSeen" in asMe));
});

test("Task.own is null for other users, without an error in strict mode", async () => {
  await executor("premium")({ query: `mutation { createTask(input: {title: "${unique("public")}", isPublic: true}) { task { id } } }` });
  const { publicTasks } = await query<documentsOwnQuery>(environment("free"), OWN, {});
  const nodes = publicTasks?.nodes ?? [];
  assert.ok(nodes.some(({ isOwner }) => !isOwner));
  for (const { isOwner, own } of nodes) assert.equal(own !== null && own !== undefined, isOwner);
});

test("an error of Relay has its code", async () => {
  const failing = mutate<documentsCreateMutation>(environment("premium"), CREATE, { input: { title: "" }, connections: [] });
  await assert.rejects(failing, (error) => firstError(error)?.code === "BAD_USER_INPUT");
});

test("a subscription of Relay receives events", async () => {
  const editor = environment("editor");
  const kinds: string[] = [];
  const { dispose } = requestSubscription<documentsEventsSubscription>(editor, {
    subscription: EVENTS,
    variables: {},
    onNext: (response) => kinds.push(`${response?.taskEvents?.kind}`),
    onError: (error) => kinds.push(error.message),
  });
  await until("an event", async () => {
    await mutate<documentsCreateMutation>(editor, CREATE, { input: { title: unique("event") }, connections: [] });
    await sleep(150);
    return kinds.length > 0;
  });
  assert.equal(kinds[0], "CREATED");
  dispose();
});

test("all errors of a mutation arrive in onError", async () => {
  const variables = { input: { title: "" }, connections: [] };
  const invalid = mutate<documentsCreateMutation>(environment("free"), CREATE, variables);
  await assert.rejects(invalid, (error) => fieldErrors(error)["input.title"] === "this is required");
  const unreachable = createRelayEnvironment({ url: "http://127.0.0.1:9/graphql" });
  await assert.rejects(mutate<documentsCreateMutation>(unreachable, CREATE, variables), (error) => firstError(error)?.code === "NETWORK_ERROR");
});
