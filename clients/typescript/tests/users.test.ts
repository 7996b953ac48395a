/** Clients of one page whose user changes: what is displayed, stored and sent. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gql } from "@apollo/client";
import { cacheExchange, Client, type Exchange } from "@urql/core";
import { pipe, subscribe } from "wonka";
import { createHallpassApollo } from "../src/apollo/index.js";
import { cookieCredentials, type CookieCredentials } from "../src/auth/index.js";
import { hallpassGraphcache } from "../src/urql/graphcache.js";
import { hallpassUrql } from "../src/urql/index.js";
import { authServer, type AuthServer, type Tab } from "./auth-server.js";

const TASKS = "query Tasks { tasks(first: 5) { nodes { __typename id title } } }";
const COMPLETE = "mutation Complete { completeTask(id: 1) { task { __typename id title } } }";
const url = "http://api.test/graphql";

let server: AuthServer;
let tab: Tab;
let credentials: CookieCredentials;
/** The user of each request. */
let sent: (string | null)[] = [];
let answers = Promise.resolve();

beforeEach(() => {
  server = authServer();
  server.user = "alice";
  tab = server.tab();
  credentials = cookieCredentials(tab.client, { channel: "users" });
  [sent, answers] = [[], Promise.resolve()];
});
afterEach(() => credentials.close());

/** Has the answers of the API wait until the function that it returns is called. */
function hold(): () => void {
  let release = (): void => undefined;
  answers = new Promise((resolve) => (release = resolve));
  return release;
}

/** The API, which has one task of each user. */
const api: typeof fetch = async (_input, init) => {
  const { user } = server;
  sent.push(user);
  await answers;
  const task = { __typename: "Task", id: "1", title: `of ${user}` };
  const isMutation = String(init?.body).includes("completeTask");
  const data = isMutation
    ? { completeTask: { __typename: "CompleteTaskPayload", task } }
    : { tasks: { __typename: "TaskConnection", nodes: [task] } };
  return new Response(JSON.stringify({ data }), { headers: { "content-type": "application/json" } });
};

async function signIn(user: string): Promise<void> {
  server.user = user;
  tab.signal();
  await sleep(30);
}

const titles = (data: unknown): string => /of \w+/.exec(JSON.stringify(data) ?? "")?.[0] ?? "nothing";

test("Apollo shows and stores nothing of the last user", async () => {
  const { client, close } = createHallpassApollo({ url, credentials, fetch: api });
  const query = gql(TASKS);
  const shown: string[] = [];
  const watch = client.watchQuery({ query }).subscribe(({ data }) => shown.push(titles(data)));
  await sleep(30);
  const release = hold();
  await signIn("bob");
  assert.equal(shown.at(-1), "nothing");
  assert.equal(client.readQuery({ query }), null);
  release();
  await sleep(30);
  assert.equal(shown.at(-1), "of bob");
  assert.deepEqual(sent, ["alice", "bob"]);
  watch.unsubscribe();
  close();
});

const caches: readonly (readonly [name: string, cache: () => Exchange])[] = [
  ["urql's cache", () => cacheExchange],
  ["graphcache", () => hallpassGraphcache()],
];

for (const [name, cache] of caches) {
  test(`${name} shows and stores nothing of the last user`, async () => {
    const options = hallpassUrql({ url, credentials, fetch: api, cache: cache() });
    const client = new Client(options);
    const shown: string[] = [];
    const { unsubscribe } = pipe(client.query(TASKS, {}), subscribe(({ data }) => shown.push(titles(data))));
    await sleep(30);
    const release = hold();
    await signIn("bob");
    assert.equal(shown.at(-1), "nothing");
    assert.equal(client.readQuery(TASKS, {}, { requestPolicy: "cache-only" })?.data ?? null, null);
    release();
    await sleep(30);
    assert.equal(shown.at(-1), "of bob");
    assert.deepEqual(sent, ["alice", "bob"]);
    unsubscribe();
    options.close();
  });

  test(`${name}: a mutation of the last user ends, and its response is not stored`, async () => {
    const options = hallpassUrql({ url, credentials, fetch: api, cache: cache() });
    const client = new Client(options);
    await client.query(TASKS, {}).toPromise();
    const release = hold();
    const mutation = client.mutation(COMPLETE, {}).toPromise();
    await sleep(20);
    await signIn("bob");
    release();
    assert.match(String((await mutation).error), /another user has signed in/);
    assert.equal(titles((await client.query(TASKS, {}).toPromise()).data), "of bob");
    options.close();
  });
}
