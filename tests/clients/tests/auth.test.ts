import assert from "node:assert/strict";
import { after, afterEach, test } from "node:test";
import {
  betterAuthToken,
  bearerToken,
  cookieCredentials,
  createExecutor,
  firstError,
  type Executor,
  type TokenCredentials,
} from "@hallpass/client";
import { createLiveClient } from "@hallpass/client/ws";
import { appOrigin, liveUrl, outages, sleep, until, webSocketImpl, type User } from "./support.js";

const { url, authUrl, signUp, control } = outages;

const opened: { close(): void }[] = [];

/** The token of a user, as the tab of a browser has it. */
function tab(user: User, channel: string, client = user.client): TokenCredentials {
  const token = betterAuthToken(client, { channel });
  opened.push(token);
  return token;
}

after(() => opened.forEach((token) => token.close()));
afterEach(() => control("mode", { mode: "normal" }));

const as = (credentials: TokenCredentials): Executor => createExecutor({ url, credentials });

/** How often a token was requested so far. */
async function tokenRequests(): Promise<number> {
  const requests = JSON.stringify(await control("requests"));
  return Number(/"GET \/api\/auth\/token":(\d+)/.exec(requests)?.[1] ?? 0);
}

test("many requests at once fetch one token, which is cached", async () => {
  const user = await signUp();
  const execute = as(tab(user, "single"));
  const before = await tokenRequests();
  const results = await Promise.all(Array.from({ length: 8 }, () => execute({ query: "{ me { email method } }" })));
  for (const { data } of results) assert.deepEqual(data, { me: { email: user.email, method: "JWT" } });
  assert.equal((await tokenRequests()) - before, 1);
});

test("a token is renewed before it expires", async () => {
  const token = tab(await signUp(), "renewal");
  const first = await token.get();
  await sleep(2500); // more than half of the lifetime of 4 s
  const second = await token.get();
  assert.notEqual(second, first);
  assert.equal(typeof second, "string");
});

test("a valid token is used while the auth server is unavailable", async () => {
  const token = tab(await signUp(), "outage");
  const first = await token.get();
  await sleep(2500);
  await control("mode", { mode: "error500" });
  assert.equal(await token.get(), first);
  token.forget();
  await assert.rejects(token.get(), { code: "AUTH_UNAVAILABLE" });
});

test("a sign-out is effective in every tab", async () => {
  const user = await signUp();
  const [one, other] = [tab(user, "sign-out"), tab(user, "sign-out", user.otherTab)];
  assert.equal(typeof (await one.get()), "string");
  assert.equal(typeof (await other.get()), "string");
  await user.client.signOut();
  await until("the tab has no token", async () => (await one.get()) === null);
  await sleep(200); // less than until the renewal of the other tab's token
  assert.equal(await other.get(), null);
  assert.equal(firstError(await as(other)({ query: "{ me { id } }" }))?.code, "UNAUTHENTICATED");
});

test("a token that was requested before the sign-out is not used after it", async () => {
  const user = await signUp();
  const token = tab(user, "race");
  await control("mode", { mode: "slow", milliseconds: 300 });
  const pending = token.get();
  await sleep(50);
  const before = await tokenRequests();
  token.forget();
  await pending;
  await control("mode", { mode: "normal" });
  await token.get();
  assert.equal((await tokenRequests()) - before, 1);
});

test("cookie mode notices the end of a session and a sign-in, in every tab", async () => {
  const user = await signUp();
  const changes: string[] = [];
  for (const client of [user.client, user.otherTab]) {
    const credentials = cookieCredentials(client, { channel: "cookie" });
    opened.push(credentials);
    credentials.onChange((change) => changes.push(change));
    await credentials.headers();
  }
  await sleep(300);
  await user.client.signOut();
  await until("the end in both tabs", () => changes.length === 2, 5);
  assert.deepEqual(changes, ["ended", "ended"]);
});

test("the endpoint does in place of Better Auth's client", async () => {
  const user = await signUp();
  const withCookie: typeof fetch = (input, init) => fetch(input, { ...init, headers: { cookie: user.cookie } });
  const token = betterAuthToken({ url: `${authUrl}/api/auth`, fetch: withCookie }, { channel: "endpoint" });
  opened.push(token);
  const { data } = await as(token)({ query: "{ me { email } }" });
  assert.deepEqual(data, { me: { email: user.email } });
  await control("mode", { mode: "rate-limited", retryAfter: 3 });
  token.forget();
  await assert.rejects(token.get(), (error) => {
    const found = firstError(error);
    return found?.code === "AUTH_UNAVAILABLE" && found.extensions.retryAfterSeconds === 3;
  });
});

test("a user without a session has no token", async () => {
  const token = betterAuthToken({ url: `${authUrl}/api/auth` }, { channel: "guest" });
  opened.push(token);
  assert.equal(await token.get(), null);
  const { data } = await as(token)({ query: "{ viewer { id } }" });
  assert.deepEqual(data, { viewer: null });
});

test("cookie mode sends the session cookie of an allowed page", async () => {
  const user = await signUp();
  const modes: unknown[] = [];
  /** The browser: it adds cookies and origin. */
  const browser: typeof fetch = (input, init) => {
    modes.push(init?.credentials);
    const headers = new Headers(init?.headers);
    headers.set("cookie", user.cookie);
    headers.set("origin", appOrigin);
    return fetch(input, { ...init, headers });
  };
  const execute = createExecutor({ url, credentials: cookieCredentials(), fetch: browser });
  const { data } = await execute({ query: "{ me { email method } }" });
  assert.deepEqual(data, { me: { email: user.email, method: "SESSION_COOKIE" } });
  assert.deepEqual(modes, ["include"]);
});

test("while the auth server is unavailable a session gets AUTH_UNAVAILABLE, and is sent again", async () => {
  const user = await signUp();
  let waits = 0;
  const wait = async (): Promise<void> => {
    waits += 1;
    await control("mode", { mode: "normal" });
    await sleep(1500); // Retry-After states at least a second
  };
  const execute = createExecutor({
    url,
    credentials: bearerToken(() => user.sessionToken()),
    retry: { attempts: 5, wait },
  });
  await control("mode", { mode: "error500" });
  const { data } = await execute({ query: "mutation { createTask(input: {title: \"once\"}) { task { title } } }" });
  assert.deepEqual(data, { createTask: { task: { title: "once" } } });
  assert.ok(waits >= 1);
});

/** What a subscription to the tasks of a user receives. */
function listen(user: User, token: TokenCredentials) {
  const live = createLiveClient({ url: liveUrl(url), credentials: token, options: { webSocketImpl } });
  const events: string[] = [];
  const ends: unknown[] = [];
  let closes = 0;
  live.on("closed", () => void (closes += 1));
  live.subscribe<{ taskEvents: { task: { title: string } | null } | null }>(
    { query: "subscription { taskEvents { task { title } } }" },
    {
      next: ({ data, errors }) => events.push(firstError({ errors })?.code ?? `${data?.taskEvents?.task?.title}`),
      error: (error) => ends.push(firstError(error)?.code),
      complete: () => ends.push("complete"),
    },
  );
  const execute = createExecutor({ url, credentials: bearerToken(() => user.sessionToken()) });
  const arrives = (title: string): Promise<void> =>
    until(`the event ${title}`, async () => {
      await execute({ query: `mutation { createTask(input: {title: "${title}"}) { task { id } } }` });
      await sleep(150);
      return events.includes(title);
    });
  return { live, events, ends, arrives, closes: () => closes };
}

test("a subscription goes on after an outage of the auth server", async () => {
  const user = await signUp();
  const { live, ends, arrives, closes } = listen(user, tab(user, "live outage"));
  await arrives("before");
  await control("mode", { mode: "error500" });
  await until("the expiry", () => closes() > 0, 10);
  await sleep(500);
  await control("mode", { mode: "normal" });
  await arrives("after");
  assert.deepEqual(ends, []);
  await live.dispose();
});

test("a sign-out ends the subscriptions of a token, although the token is still valid", async () => {
  const user = await signUp();
  const { live, events, ends, arrives } = listen(user, tab(user, "live sign-out"));
  await arrives("before");
  await user.client.signOut();
  await until("the end", () => ends.length > 0 || events.includes("UNAUTHENTICATED"), 3);
  assert.ok(ends.includes("UNAUTHENTICATED") || events.includes("UNAUTHENTICATED"));
  await live.dispose();
});
