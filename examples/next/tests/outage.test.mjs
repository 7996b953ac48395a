// An unavailable server is not a sign-out. These tests start and stop servers of their own.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { freePort, startHallpass, startNext } from "../scripts/servers.mjs";
import { createTask, createUser, getPage, live, shows, withBrowser } from "./support.mjs";

const directory = mkdtempSync(join(tmpdir(), "hallpass-next-outage-"));
const port = await freePort();
const apiUrl = `http://localhost:${port}`;
const next = await startNext({ mode: "start", directory, port: await freePort(), apiUrl, secret: "a secret of the tests, 32 bytes long" });
const servers = { directory, url: next.url, apiUrl };
let api = { stop: async () => undefined };

async function restart(authUrl) {
  await api.stop();
  api = await startHallpass({ directory, port, authUrl });
}

after(async () => {
  await api.stop();
  await next.stop();
  rmSync(directory, { recursive: true });
});

function assertSignedIn(html, user) {
  assert.ok(html.includes(user.name));
  assert.doesNotMatch(html, /Sign in to see your tasks/);
}

test("an API that does not reach the auth server", async () => {
  await restart(`http://localhost:${await freePort()}`);
  const user = await createUser({ servers });
  const { text: html } = await getPage("/", { user, url: next.url });
  assert.match(html, /Your session cannot be verified at the moment/);
  assertSignedIn(html, user);
});

test("an API that is stopped, and started again", async () => {
  await restart(next.url);
  const user = await createUser({ servers });
  await createTask(user, "Still there", servers);
  await withBrowser({ user, url: next.url }, async ({ open }) => {
    const page = await open("/");
    await live(page);
    await shows(page, 'ul[aria-label="Tasks"]', "Still there");
    await api.stop();
    await page.waitForSelector('[data-status="reconnecting"]');
    const { text: html } = await getPage("/", { user, url: next.url });
    assert.match(html, /The API is unavailable/);
    assert.doesNotMatch(html, /Still there/);
    assertSignedIn(html, user);
    await page.reload();
    await shows(page, "main [role=alert]", "The API is unavailable");
    await restart(next.url);
    // By itself, once the connection is there again.
    await shows(page, 'ul[aria-label="Tasks"]', "Still there");
  });
});
