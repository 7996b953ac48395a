import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";
import { bearerToken } from "../src/auth/bearer.js";
import { anonymous } from "../src/auth/credentials.js";
import type { ChangeListener } from "../src/auth/change.js";
import { firstError } from "../src/errors/parse.js";
import { createLiveClient, type ConnectionState, type LiveClient, type LiveClientOptions } from "../src/ws/index.js";
import { socketServer, type Received, type SocketServer } from "./socket-server.js";

const RESUMED = "subscription($since: String) { events(since: $since) { sequence } }";
const PLAIN = "subscription { events { id } }";
const EVENTS_MISSED = { errors: [{ message: "missed", extensions: { code: "EVENTS_MISSED" } }] };

// Node has no events of a page.
const page = new EventTarget();
Object.assign(globalThis, {
  addEventListener: page.addEventListener.bind(page),
  removeEventListener: page.removeEventListener.bind(page),
});
const online = (): void => void page.dispatchEvent(new Event("online"));

let server: SocketServer;
let live: LiveClient;
let gaps = 0;
let ends: (() => void)[] = [];
beforeEach(async () => {
  server = await socketServer();
  gaps = 0;
  ends = [];
});
afterEach(async () => {
  for (const end of ends) end();
  await live.dispose();
  server.close();
});

async function until(what: string, isMet: () => boolean): Promise<void> {
  for (const end = Date.now() + 5000; Date.now() < end; await sleep(10)) if (isMet()) return;
  throw new Error(`not within 5 s: ${what}`);
}

function open(options: Partial<LiveClientOptions> = {}): void {
  live = createLiveClient({ url: server.url, onGap: () => void (gaps += 1), ...options, options: { webSocketImpl: WebSocket, ...options.options } });
}

function subscribe(query: string, variables?: Record<string, unknown>): void {
  const sink = { next: () => undefined, error: () => undefined, complete: () => undefined };
  ends.push(live.subscribe({ query, ...(variables && { variables }) }, sink));
}

/** The subscription that the server receives as the one with this number. */
async function nth(number: number): Promise<Received> {
  await until(`subscription ${number}`, () => server.subscriptions.length >= number);
  return server.subscriptions[number - 1] ?? assert.fail();
}

const event = (sequence: string): object => ({ data: { events: { sequence } } });

/** Waits until the client has received what was sent before. */
const settled = (): Promise<void> => sleep(50);

test("a subscription goes on after the last event it received", async () => {
  open();
  subscribe(RESUMED, { other: 1 });
  const first = await nth(1);
  assert.deepEqual(first.variables, { other: 1, since: null });
  for (const sequence of ["one", "two"]) first.next(event(sequence));
  await settled();
  first.cut();
  assert.deepEqual((await nth(2)).variables, { other: 1, since: "two" });
  await settled();
  assert.equal(gaps, 0);
});

test("an iteration goes on after its last event, and ends the subscription with itself", async () => {
  open();
  const iterator = live.iterate<{ events: { sequence: string } }>({ query: RESUMED });
  const first = await nth(1);
  first.next(event("one"));
  assert.equal((await iterator.next()).value?.data?.events.sequence, "one");
  first.cut();
  const second = await nth(2);
  assert.deepEqual(second.variables, { since: "one" });
  const waiting = iterator.next();
  await iterator.return?.();
  assert.equal((await waiting).done, true);
  await until("the subscription ends", () => second.isCompleted());
});

test("an iteration fails with the error of its subscription", async () => {
  open();
  const iterator = live.iterate({ query: PLAIN });
  (await nth(1)).fail([{ message: "Not allowed", extensions: { code: "FORBIDDEN" } }]);
  await assert.rejects(iterator.next(), (error) => JSON.stringify(error).includes("FORBIDDEN"));
  assert.equal((await iterator.next()).done, true);
});

test("without an event so far, a lost connection begins with RESYNC", async () => {
  open();
  subscribe(RESUMED);
  (await nth(1)).cut();
  assert.deepEqual((await nth(2)).variables, { since: "" });
  await settled();
  assert.equal(gaps, 0);
});

test("a slow first connection begins with RESYNC", async () => {
  open({ credentials: { ...anonymous(), headers: () => sleep(400, {}) } });
  subscribe(RESUMED);
  assert.deepEqual((await nth(1)).variables, { since: "" });
  await settled();
  assert.equal(gaps, 0);
});

test("another user does not go on after the events of the first", async () => {
  let change: ChangeListener = () => undefined;
  open({ credentials: { ...anonymous(), onChange: (listener) => ((change = listener), () => undefined) } });
  subscribe(RESUMED);
  (await nth(1)).next(event("one"));
  await settled();
  change("changed");
  assert.deepEqual((await nth(2)).variables, { since: "" });
});

test("the end of the session is reported as a rejection", async () => {
  let change: ChangeListener = () => undefined;
  const rejections: string[] = [];
  open({
    credentials: { ...anonymous(), onChange: (listener) => ((change = listener), () => undefined) },
    onRejected: (reason) => rejections.push(reason),
  });
  subscribe(PLAIN);
  await nth(1);
  change("changed");
  await nth(2);
  assert.deepEqual(rejections, []);
  change("ended");
  await nth(3);
  assert.deepEqual(rejections, ["The session has ended."]);
});

test("a socket connects again when the application's token changes", async () => {
  let token = "one";
  const credentials = bearerToken(() => token);
  open({ credentials });
  subscribe(PLAIN);
  await nth(1);
  token = "two";
  credentials.changed();
  await nth(2);
  assert.deepEqual(server.tokens, ["Bearer one", "Bearer two"]);
});

test("a token without renewal ends the session once", async () => {
  let token: string | null = "one";
  const credentials = bearerToken(() => token, () => {
    token = null;
    credentials.changed();
  });
  const changes: string[] = [];
  credentials.onChange((change) => changes.push(change));
  const rejections: string[] = [];
  const errors: unknown[] = [];
  open({ credentials, onRejected: (reason) => rejections.push(reason) });
  live.subscribe({ query: PLAIN }, { next: () => undefined, error: (error) => errors.push(error), complete: () => undefined });
  (await nth(1)).close(4401, "revoked");
  await until("the end", () => errors.length === 1);
  await settled();
  assert.deepEqual([changes, rejections], [["ended"], ["The session has ended.", "revoked"]]);
  assert.equal(firstError(errors[0])?.message, "revoked");
  assert.equal(server.connections(), 1);
});

test("a rejection asks if the session has ended", async () => {
  let token: string | null = "one";
  const credentials = bearerToken(async () => token, () => (token = null));
  const changes: string[] = [];
  credentials.onChange((change) => changes.push(change));
  open({ credentials });
  subscribe(PLAIN);
  (await nth(1)).close(4401, "revoked");
  await until("the end", () => changes.length === 1);
  assert.deepEqual(changes, ["ended"]);
});

test("a connection that is replaced is not reported", async () => {
  const credentials = bearerToken(() => "token");
  const states: ConnectionState[] = [];
  open({ credentials });
  live.onConnection((state) => states.push(state));
  subscribe(PLAIN);
  await nth(1);
  credentials.changed();
  await nth(2);
  await sleep(1200);
  assert.deepEqual(states, ["closed", "connected"]);
});

test("a first connection that fails is reported", async () => {
  class Refused extends WebSocket {
    constructor(_url: string, protocols: string) {
      super("ws://127.0.0.1:1", protocols);
    }
  }
  const states: ConnectionState[] = [];
  open({ options: { webSocketImpl: Refused } });
  live.onConnection((state) => states.push(state));
  subscribe(PLAIN);
  await until("the report", () => states.at(-1) === "reconnecting");
  ends.pop()?.();
  assert.deepEqual(states, ["closed", "reconnecting", "closed"]);
});

test("after EVENTS_MISSED a subscription goes on where it was", async () => {
  open();
  subscribe(RESUMED);
  const first = await nth(1);
  first.next(event("one"));
  first.next(EVENTS_MISSED);
  first.complete();
  assert.deepEqual((await nth(2)).variables, { since: "one" });
  await settled();
  assert.equal(gaps, 0);
});

test("a gap is reported if one subscription does not go on", async () => {
  open();
  subscribe(RESUMED);
  subscribe(PLAIN);
  const first = await nth(1);
  await nth(2);
  first.next(event("one"));
  await settled();
  first.cut();
  await nth(4);
  await settled();
  assert.deepEqual(server.subscriptions.slice(2).map(({ variables }) => variables), [{ since: "one" }, {}]);
  assert.equal(gaps, 1);
});

test("a trusted document goes on by its variable since", async () => {
  open();
  subscribe("subscription-hash", { since: null });
  (await nth(1)).next(event("one"));
  await settled();
  (await nth(1)).cut();
  assert.deepEqual((await nth(2)).variables, { since: "one" });
});

test("a connection that answers no ping is replaced", async () => {
  open({ options: { keepAlive: 100 } });
  subscribe(RESUMED);
  await nth(1);
  await sleep(400);
  assert.equal(server.connections(), 1, "pings that are answered");
  server.freeze();
  await until("a second connection", () => server.connections() >= 2);
});

test("connections are watched by default", async () => {
  const timers = mock.method(globalThis, "setTimeout");
  open();
  subscribe(PLAIN);
  await nth(1);
  assert.ok(timers.mock.calls.some(({ arguments: [, milliseconds] }) => milliseconds === 10_000));
  timers.mock.restore();
});

test("a connection is replaced when the browser is online again", async () => {
  open();
  subscribe(RESUMED);
  (await nth(1)).next(event("one"));
  await settled();
  online();
  assert.deepEqual((await nth(2)).variables, { since: "one" });
  const removal = mock.method(globalThis, "removeEventListener");
  await live.dispose();
  assert.equal(removal.mock.callCount(), 1, "a disposed client does not listen");
  removal.mock.restore();
});

test("no wait goes on when the browser is online again", async () => {
  let isOffline = true;
  class Socket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(isOffline ? "ws://127.0.0.1:1" : url, protocols);
    }
  }
  open({ options: { webSocketImpl: Socket } });
  let failures = 0;
  live.on("closed", () => void (failures += 1));
  subscribe(RESUMED);
  await until("three failures", () => failures === 3); // the next attempt is in 4 s
  isOffline = false;
  const before = Date.now();
  online();
  await nth(1);
  assert.ok(Date.now() - before < 1000);
});
