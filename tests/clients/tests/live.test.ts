import assert from "node:assert/strict";
import { test } from "node:test";
import { betterAuthToken, bearerToken, createExecutor, firstError, type Executor, type TokenCredentials } from "@hallpass/client";
import { createLiveClient } from "@hallpass/client/ws";
import { createClient as createSseClient } from "graphql-sse";
import { createClient, type Client } from "graphql-ws";
import WebSocket from "ws";
import { breakableSockets } from "./sockets.js";
import {
  developmentUrl,
  liveUrl,
  persona,
  personaToken,
  productionUrl,
  signUp,
  sleep,
  unique,
  until,
  webSocketImpl,
  executor,
  type User,
} from "./support.js";

const SUBSCRIPTION = "subscription { taskEvents { kind task { title } } }";
const RESUMED = "subscription($since: String) { taskEvents(since: $since) { kind sequence task { title } } }";

/** What a subscription receives. */
function listen(live: Client, query = SUBSCRIPTION): { readonly events: string[]; readonly ends: unknown[]; readonly stop: () => void } {
  const events: string[] = [];
  const ends: unknown[] = [];
  const stop = live.subscribe<{ taskEvents: { kind: string; task: { title: string } | null } }>(
    { query },
    {
      next: ({ data, errors }) => events.push(errors === undefined ? `${data?.taskEvents.task?.title}` : JSON.stringify(errors)),
      error: (error) => ends.push(error),
      complete: () => ends.push("complete"),
    },
  );
  return { events, ends, stop };
}

function closeCode(event: unknown): number {
  return typeof event === "object" && event !== null && "code" in event ? Number(event.code) : 0;
}

const create = (execute: Executor, title: string): Promise<unknown> =>
  execute({ query: "mutation($title: String!) { createTask(input: {title: $title}) { task { id } } }", variables: { title } });

/** Creates tasks of this title until one arrives. */
async function arrives(execute: Executor, events: readonly string[], title: string): Promise<void> {
  await until(`the event ${title}`, async () => {
    await create(execute, title);
    await sleep(150);
    return events.includes(title);
  });
}

const tokenOf = (user: User): TokenCredentials => betterAuthToken(user.client, { channel: user.email });

/** Executes by the session, whose token does not expire. */
const bySession = (user: User): Executor =>
  createExecutor({ url: productionUrl, credentials: bearerToken(() => user.sessionToken()) });

test("graphql-ws as it is, with connectionParams", async () => {
  const live = createClient({
    url: liveUrl(developmentUrl),
    webSocketImpl,
    connectionParams: () => ({ authorization: `Bearer ${personaToken("premium")}` }),
  });
  const { events, ends, stop } = listen(live);
  await arrives(executor("premium"), events, "plain");
  stop();
  await until("the end", () => ends.length === 1);
  assert.deepEqual(ends, ["complete"]);
  await live.dispose();
});

test("a first connection that takes long is a gap", async () => {
  let gaps = 0;
  let attempts = 0;
  class RefusedOnce extends WebSocket {
    constructor(url: string, protocols: string) {
      super((attempts += 1) === 1 ? "ws://127.0.0.1:1" : url, protocols);
    }
  }
  const live = createLiveClient({
    url: liveUrl(developmentUrl),
    credentials: persona("free"),
    onGap: () => void (gaps += 1),
    options: { webSocketImpl: RefusedOnce },
  });
  const { ends, stop } = listen(live);
  await until("the gap", () => gaps === 1, 10);
  assert.deepEqual(ends, []);
  stop();
  await live.dispose();
});

test("the events of a lost connection arrive after it", async () => {
  const sockets = breakableSockets();
  let gaps = 0;
  const live = createLiveClient({
    url: liveUrl(developmentUrl),
    credentials: persona("premium"),
    onGap: () => void (gaps += 1),
    options: sockets.options,
  });
  const { events, stop } = listen(live, RESUMED);
  const title = unique("before");
  await arrives(executor("premium"), events, title);
  const [eventsBefore, gapsBefore] = [events.length, gaps];
  sockets.cut();
  const missed = unique("missed");
  await create(executor("premium"), missed);
  await sockets.connected(2);
  await until("the missed event", () => events.includes(missed));
  assert.ok(!events.slice(eventsBefore).includes("undefined"), "no RESYNC");
  assert.equal(gaps, gapsBefore);
  stop();
  await live.dispose();
});

test("a subscription goes on with a new token, and the application learns of the gap", async () => {
  const user = await signUp();
  let gaps = 0;
  const closes: number[] = [];
  const live = createLiveClient({
    url: liveUrl(productionUrl),
    credentials: tokenOf(user),
    onGap: () => void (gaps += 1),
    options: { webSocketImpl },
  });
  live.on("closed", (event) => closes.push(closeCode(event)));
  const { events, ends, stop } = listen(live);
  await arrives(bySession(user), events, "before");
  const before = gaps;
  await until("the expiry", () => closes.includes(4403), 10);
  await arrives(bySession(user), events, "after");
  assert.ok(gaps > before);
  assert.deepEqual(ends, []);
  stop();
  await live.dispose();
});

test("a rejected credential ends the subscription", async () => {
  const reasons: string[] = [];
  const live = createLiveClient({
    url: liveUrl(developmentUrl),
    credentials: bearerToken(() => "no.no.no"),
    onRejected: (reason) => reasons.push(reason),
    options: { webSocketImpl },
  });
  const { ends } = listen(live);
  await until("the end", () => ends.length === 1);
  assert.equal(firstError(ends[0])?.code, "UNAUTHENTICATED");
  assert.equal(closeCode(ends[0]), 4401);
  assert.equal(reasons.length, 1);
  await live.dispose();
});

test("a revoked session ends the subscription with 4401", async () => {
  const user = await signUp();
  const live = createLiveClient({
    url: liveUrl(productionUrl),
    credentials: bearerToken(() => user.sessionToken()),
    options: { webSocketImpl },
  });
  const { events, ends } = listen(live);
  await arrives(bySession(user), events, "before");
  await user.client.signOut();
  await until("the end", () => ends.length === 1);
  assert.equal(closeCode(ends[0]), 4401);
  await live.dispose();
});

test("an anonymous subscription fails with its code", async () => {
  const live = createLiveClient({ url: liveUrl(developmentUrl), options: { webSocketImpl } });
  const { events, ends } = listen(live);
  await until("the end", () => ends.length === 1 || events.length === 1);
  const found = firstError(ends[0]) ?? firstError(JSON.parse(events[0] ?? "null"));
  assert.equal(found?.code, "UNAUTHENTICATED");
  await live.dispose();
});

test("a query over the socket, and iterate", async () => {
  const live = createLiveClient({ url: liveUrl(developmentUrl), credentials: persona("free"), options: { webSocketImpl } });
  const results: unknown[] = [];
  for await (const { data } of live.iterate({ query: "{ me { method } }" })) results.push(data);
  assert.deepEqual(results, [{ me: { method: "JWT" } }]);
  await live.dispose();
});

test("graphql-sse with a function of headers", async () => {
  const credentials = persona("admin");
  const client = createSseClient({ url: developmentUrl, headers: async () => ({ ...(await credentials.headers()) }) });
  const titles: string[] = [];
  const stop = client.subscribe<{ taskEvents: { task: { title: string } | null } }>(
    { query: SUBSCRIPTION },
    { next: ({ data }) => titles.push(`${data?.taskEvents.task?.title}`), error: assert.fail, complete: () => undefined },
  );
  await arrives(executor("admin"), titles, "sse");
  stop();
  client.dispose();
});

test("graphql-sse connects again when a token has expired", async () => {
  const user = await signUp();
  const credentials = tokenOf(user);
  let connections = 0;
  const client = createSseClient({
    url: productionUrl,
    headers: async () => ({ ...(await credentials.headers()) }),
    retryAttempts: 100,
    retry: () => sleep(100),
    onMessage: () => undefined,
    on: { connected: () => void (connections += 1) },
  });
  const received: string[] = [];
  const ends: unknown[] = [];
  const stop = client.subscribe<{ taskEvents: { task: { title: string } | null } }>(
    { query: SUBSCRIPTION },
    {
      next: ({ data, errors }) => received.push(firstError({ errors })?.code ?? `${data?.taskEvents.task?.title}`),
      error: (error) => ends.push(error),
      complete: () => ends.push("complete"),
    },
  );
  await arrives(bySession(user), received, "before");
  await until("the expiry", () => connections >= 2, 10);
  await arrives(bySession(user), received, "after");
  assert.deepEqual(ends, []);
  stop();
  client.dispose();
});

/** Creates many tasks with long descriptions. */
async function flood(execute: Executor, requests: number): Promise<void> {
  const aliases = Array.from({ length: 20 }, (_, index) => `a${index}: createTask(input: $input) { task { id } }`);
  const query = `mutation($input: CreateTaskInput!) { ${aliases.join(" ")} }`;
  for (let request = 0; request < requests; request += 1) {
    const { errors } = await execute({ query, variables: { input: { title: "flood", description: "x".repeat(10_000) } } });
    assert.deepEqual(errors, []);
  }
}

test("a subscriber that falls behind learns of the gap, and goes on", async () => {
  const user = await signUp();
  let gaps = 0;
  let isEnded = false;
  const sockets: WebSocket[] = [];
  const events: string[] = [];
  const live = createLiveClient({
    url: liveUrl(productionUrl),
    credentials: bearerToken(() => user.sessionToken()),
    onGap: () => void (gaps += 1),
    options: { webSocketImpl },
  });
  live.on("opened", (socket) => void (socket instanceof WebSocket && sockets.push(socket)));
  const copies = Array.from({ length: 25 }, (_, index) => `d${index}: own { description }`).join(" ");
  live.subscribe<{ taskEvents: { task: { title: string } | null } | null }>(
    { query: `subscription { taskEvents { task { title ${copies} } } }` },
    {
      next: ({ data, errors }) => events.push(firstError({ errors })?.code ?? `${data?.taskEvents?.task?.title}`),
      error: () => void (isEnded = true),
      complete: () => void (isEnded = true),
    },
  );
  await arrives(bySession(user), events, "before");
  sockets[0]?.pause();
  await flood(bySession(user), 25);
  sockets[0]?.resume();
  await until("the gap", () => gaps > 0, 20);
  await arrives(bySession(user), events, "after");
  // On a slow machine the server closes the socket, which is not read for too long: then there is a second one.
  assert.ok(sockets.length <= 2);
  assert.ok(!events.includes("EVENTS_MISSED") && !isEnded);
  await live.dispose();
});
