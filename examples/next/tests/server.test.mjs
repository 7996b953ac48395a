// What is rendered on the server.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../scripts/prepare.mjs";
import { createTask, createUser, getPage, live, main, text, withBrowser } from "./support.mjs";

test("the HTML has the caller's tasks, and no other user's", async () => {
  const [user, other] = [await createUser(), await createUser()];
  await createTask(user, "Mine to do");
  await createTask(other, "Theirs to do");
  const page = await getPage("/", { user });
  assert.match(page.text, /Mine to do/);
  assert.match(page.text, /1 open, 0 done/);
  assert.ok(page.text.includes(user.name));
  assert.doesNotMatch(page.text, /Theirs to do/);
  assert.ok(!page.text.includes(other.name));
  assert.match((await getPage("/", { user: other })).text, /Theirs to do/);
});

test("pages of users are not stored by caches", async () => {
  const user = await createUser();
  for (const path of ["/", "/chapters/sense-think-act"]) {
    const { headers } = await getPage(path, { user });
    assert.match(headers.get("cache-control") ?? "", /private.*no-store/);
  }
});

test("the tasks are shown without JavaScript", async () => {
  const user = await createUser();
  await createTask(user, "Read without scripts");
  await withBrowser({ user, script: false }, async ({ open }) => {
    const page = await open("/");
    assert.match(await text(page, "main"), /Read without scripts/);
  });
});

test("a visitor sees the courses, and that tasks need a sign-in", async () => {
  const { text: html, status } = await getPage("/");
  assert.equal(status, 200);
  assert.match(html, /Sign in to see your tasks/);
  assert.match(html, /Building APIs in Rust/);
  assert.doesNotMatch(html, /role="alert"/);
});

test("a session that has ended is a sign-out", async () => {
  const user = await createUser();
  await createTask(user, "Not for visitors");
  assert.match((await getPage("/", { user })).text, /Not for visitors/);
  const headers = { "content-type": "application/json", origin: main.url, cookie: user.cookie };
  const response = await fetch(`${main.url}/api/auth/sign-out`, { method: "POST", headers, body: "{}" });
  assert.equal(response.status, 200);
  const { text: html } = await getPage("/", { user });
  assert.match(html, /Sign in to see your tasks/);
  assert.doesNotMatch(html, /Not for visitors/);
});

test("a chapter above the caller's tier names the tier, and has no text", async () => {
  const path = "/chapters/feedback-control";
  const [free, premium] = [await createUser(), await createUser({ tier: "premium" })];
  const locked = await getPage(path, { user: free });
  assert.match(locked.text, /This chapter is for premium members/);
  assert.doesNotMatch(locked.text, /class="prose"/);
  const readable = await getPage(path, { user: premium });
  assert.match(readable.text, /class="prose"><(p|h\d)/);
  assert.doesNotMatch(readable.text, /is for premium members/);
  assert.match((await getPage(path)).text, /Sign in to read this chapter/);
  assert.equal((await getPage("/chapters/nonexistent", { user: free })).status, 404);
});

/** The session token in the signed cookie. */
function sessionToken({ cookie }) {
  const [token] = decodeURIComponent(cookie.slice(cookie.indexOf("=") + 1)).split(".");
  assert.ok(token.length >= 32);
  return token;
}

const JWT = /eyJ[\w-]{10,}\./;

const staticFiles = () =>
  readdirSync(join(root, ".next/static"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), "utf8"));

test("no cookie, token or secret is in the HTML, the data of React, or the scripts", async () => {
  const user = await createUser();
  const secrets = [sessionToken(user), readFileSync(join(main.directory, "secret"), "utf8"), "auth.db", "AUTH_DATABASE"];
  const responses = [await getPage("/", { user }), await getPage("/?_rsc=1", { user, headers: { rsc: "1" } })];
  assert.match(responses[1].headers.get("content-type") ?? "", /x-component/);
  const files = staticFiles();
  assert.ok(files.length > 5);
  for (const content of [...responses.map((response) => response.text), ...files]) {
    for (const secret of secrets) assert.ok(!content.includes(secret));
    assert.doesNotMatch(content, JWT);
  }
});

test("scripts of the page read neither the cookie nor a stored token", async () => {
  const user = await createUser();
  await withBrowser({ user }, async ({ open }) => {
    const page = await open("/");
    await live(page);
    const readable = await page.evaluate(() => [document.cookie, document.documentElement.outerHTML, ...Object.values(localStorage), ...Object.values(sessionStorage)]);
    assert.equal(readable[0], "");
    for (const content of readable) {
      assert.doesNotMatch(content, JWT);
      assert.ok(!content.includes(sessionToken(user)));
    }
  });
});
