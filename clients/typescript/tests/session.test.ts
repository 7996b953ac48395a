import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { betterAuthToken, cookieCredentials, perUser, type CookieCredentials, type SessionChange, type TokenCredentials } from "../src/auth/index.js";
import { hallpassFetch } from "../src/http/fetch.js";
import { authServer, type AuthServer, type Tab } from "./auth-server.js";

// Node has no page.
const pageDocument = Object.assign(new EventTarget(), { visibilityState: "visible" });
const pageWindow = new EventTarget();
Object.assign(globalThis, {
  document: pageDocument,
  addEventListener: pageWindow.addEventListener.bind(pageWindow),
  removeEventListener: pageWindow.removeEventListener.bind(pageWindow),
});

type Opened = CookieCredentials | TokenCredentials;

let server: AuthServer;
let opened: Opened[] = [];
let channels = 0;
beforeEach(() => {
  server = authServer();
  channels += 1;
});
afterEach(() => {
  for (const credentials of opened) credentials.close();
  opened = [];
});

interface Page {
  readonly credentials: Opened;
  readonly changes: SessionChange[];
  readonly signal: () => void;
}

const kinds = {
  cookie: ({ client }: Tab, channel: string): Opened => cookieCredentials(client, { channel }),
  jwt: ({ client }: Tab, channel: string): Opened => betterAuthToken(client, { channel }),
};

/** A tab that has sent a request. */
async function page(kind: keyof typeof kinds): Promise<Page> {
  const tab = server.tab();
  const credentials = kinds[kind](tab, `tabs ${channels}`);
  opened.push(credentials);
  const changes: SessionChange[] = [];
  credentials.onChange((change) => changes.push(change));
  await credentials.headers();
  await sleep(20);
  return { credentials, changes, signal: tab.signal };
}

const ended = { code: "UNAUTHENTICATED" };

for (const kind of ["cookie", "jwt"] as const) {
  test(`${kind}: another user is noticed in every tab, and nothing is sent for the last one`, async () => {
    server.user = "alice";
    const [one, other] = [await page(kind), await page(kind)];
    server.user = "bob";
    const release = server.hold();
    one.signal();
    await sleep(20); // the message between the tabs
    const sent = [one, other].map(({ credentials }) => credentials.headers());
    release();
    for (const request of sent) await assert.rejects(request, ended);
    assert.deepEqual([one.changes, other.changes], [["changed"], ["changed"]]);
    await one.credentials.headers();
    await other.credentials.headers();
  });

  test(`${kind}: a sign-out ends the session in every tab, and a sign-in follows`, async () => {
    server.user = "alice";
    const [one, other] = [await page(kind), await page(kind)];
    server.user = null;
    one.signal();
    await sleep(20);
    server.user = "bob";
    one.signal();
    await sleep(20);
    for (const { changes } of [one, other]) assert.deepEqual(changes, ["ended", "changed"]);
  });

  test(`${kind}: a signal without a change of the user changes nothing`, async () => {
    server.user = "alice";
    const [one, other] = [await page(kind), await page(kind)];
    one.signal();
    await one.credentials.headers();
    await other.credentials.headers();
    assert.deepEqual([one.changes, other.changes], [[], []]);
  });

  test(`${kind}: nothing is sent while it is not known who is signed in`, async () => {
    server.user = "alice";
    const { credentials, changes, signal } = await page(kind);
    [server.user, server.isDown] = ["bob", true];
    signal();
    await assert.rejects(credentials.headers(), { code: "AUTH_UNAVAILABLE" });
    server.isDown = false;
    await assert.rejects(credentials.headers(), ended);
    assert.deepEqual(changes, ["changed"]);
  });

  test(`${kind}: a sign-in by redirect is noticed in the other tabs`, async () => {
    server.user = "alice";
    const other = await page(kind);
    server.user = "bob";
    const later = await page(kind);
    assert.deepEqual([other.changes, later.changes], [["changed"], []]);
  });
}

test("jwt: an answer from before a signal is not used after it", async () => {
  server.user = "alice";
  const { client, signal } = server.tab();
  const token = betterAuthToken(client, { channel: "before" });
  opened.push(token);
  const changes: SessionChange[] = [];
  token.onChange((change) => changes.push(change));
  const release = server.hold();
  const request = token.get();
  await sleep(0);
  server.user = "bob";
  signal();
  release();
  await assert.rejects(request, ended);
  assert.deepEqual(changes, ["changed"]);
  assert.equal(server.requests.length, 2);
});

test("jwt: tabs that open at once have a token each", async () => {
  server.user = "alice";
  const tabs = [server.tab(), server.tab()].map((tab) => betterAuthToken(tab.client, { channel: "at once" }));
  opened.push(...tabs);
  const [first, second] = await Promise.all(tabs.map((token) => token.get()));
  assert.equal(typeof first, "string");
  assert.equal(typeof second, "string");
});

test("jwt: a session that ended is reported, and the request is not sent without a credential", async () => {
  server.user = "alice";
  const [one, other] = [await page("jwt"), await page("jwt")];
  server.user = null;
  one.credentials.renew();
  await assert.rejects(one.credentials.headers(), ended);
  await sleep(20);
  for (const { changes } of [one, other]) assert.deepEqual(changes, ["ended"]);
  assert.deepEqual(await one.credentials.headers(), {});
});

test("jwt: a renewed token of another user is not used for the requests of the last one", async () => {
  server.user = "alice";
  const { credentials, changes } = await page("jwt");
  server.user = "bob";
  credentials.renew();
  await assert.rejects(credentials.headers(), ended);
  assert.deepEqual(changes, ["changed"]);
});

test("cookie: requests name the user whom the page shows", async () => {
  server.user = "älice";
  const { credentials, signal } = await page("cookie");
  assert.deepEqual(await credentials.headers(), { "hallpass-user": "%C3%A4lice" });
  server.user = null;
  signal();
  await assert.rejects(credentials.headers(), ended);
  assert.deepEqual(await credentials.headers(), { "hallpass-user": "" });
});

test("cookie: a rejected request has the session asked for", async () => {
  server.user = "alice";
  const { credentials, changes } = await page("cookie");
  server.user = null;
  const send = hallpassFetch({ credentials, fetch: async () => new Response("{}", { status: 401 }) });
  await assert.rejects(send("http://api.test", { method: "POST" }), ended);
  assert.deepEqual(changes, ["ended"]);
});

test("cookie: the first request does not wait for the session, and the auth server is asked once", async () => {
  server.user = "alice";
  const release = server.hold();
  const { credentials } = await page("cookie");
  await credentials.headers();
  release();
  await credentials.headers();
  assert.equal(server.requests.length, 1);
});

test("cookie: while the auth server is unavailable, requests are sent as before", async () => {
  server.user = "alice";
  const { credentials, changes } = await page("cookie");
  server.isDown = true;
  credentials.renew();
  await credentials.headers();
  assert.deepEqual(changes, []);
});

test("cookie: a page that is visible or focused again asks for the session", async () => {
  for (const event of [() => pageDocument.dispatchEvent(new Event("visibilitychange")), () => pageWindow.dispatchEvent(new Event("focus"))]) {
    server.user = "alice";
    const { credentials, changes } = await page("cookie");
    server.user = "bob";
    event();
    await assert.rejects(credentials.headers(), ended);
    assert.deepEqual(changes, ["changed"]);
    credentials.close();
  }
});

test("one client per user: the client of the last user sends nothing more", async () => {
  server.user = "alice";
  const { credentials, signal } = await page("jwt");
  const closed: number[] = [];
  let count = 0;
  const clients = perUser(credentials, (own) => {
    const number = (count += 1);
    return { number, send: () => own.headers(), close: () => void closed.push(number) };
  });
  let calls = 0;
  clients.subscribe(() => void (calls += 1));
  const first = clients.current();
  await first.send();
  server.user = "bob";
  signal();
  await sleep(20);
  assert.deepEqual([clients.current().number, closed, calls], [2, [1], 1]);
  await assert.rejects(first.send(), ended);
  await clients.current().send();
  clients.close();
  assert.deepEqual(closed, [1, 2]);
});
