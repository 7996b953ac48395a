// The API is down, and the browser is online.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { executorFor } from "../scripts/seed.mjs";
import { freePort, startHallpass } from "../scripts/servers.mjs";
import { createUser, heading, sentOperations, signIn, subscription, until, url, violations, withBrowser } from "./support.mjs";

const { API_URL, AUTH_URL, PAGE_URL } = process.env;
const portOf = (address) => Number(new URL(address).port);
const lost = "The connection to the server is lost.";

/** Runs a test with an API of its own, which it stops and starts: the page's one is that of other tests too. */
async function withServer(test) {
  const directory = mkdtempSync(join(tmpdir(), "hallpass-web-"));
  const ports = { auth: portOf(AUTH_URL), web: portOf(PAGE_URL), api: await freePort() };
  const start = () => startHallpass({ directory, ports, secrets: { revocation: "r".repeat(43) } });
  let server = await start();
  const restart = async () => {
    server = await start();
  };
  try {
    await test({ url: server.url, stop: () => server.stop(), restart });
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true });
  }
}

/** Has the page use another API. */
const redirectTo = (context, apiUrl) =>
  context.route("**/assets/*.js", async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replaceAll(new URL(API_URL).host, new URL(apiUrl).host);
    return route.fulfill({ response, body });
  });

async function createTask(server, user, title) {
  const execute = await executorFor({ authUrl: AUTH_URL, apiUrl: server.url, origin: PAGE_URL }, user.email);
  await execute("mutation($title: String!) { createTask(input: {title: $title}) { task { id } } }", { title });
}

test("a lost connection is shown until it is back", () =>
  withServer((server) =>
    withBrowser({}, async ({ context, open }) => {
      await redirectTo(context, server.url);
      const user = await createUser();
      const page = await open("/sign-in");
      await signIn(page, user);
      await page.getByText("No tasks yet").waitFor();
      await subscription(page);
      const banner = page.getByRole("status").getByText(lost);
      assert.equal(await banner.count(), 0);
      await server.stop();
      await banner.waitFor();
      assert.deepEqual(await violations(page), []);
      await server.restart();
      await banner.waitFor({ state: "detached" });
      await createTask(server, user, "Live again");
      await page.getByText("Live again").waitFor();
    }),
  ));

test("the banner replaces the notice above old rows", () =>
  withServer((server) =>
    withBrowser({}, async ({ context, open }) => {
      await redirectTo(context, server.url);
      const user = await createUser();
      const page = await open("/sign-in");
      await signIn(page, user);
      await subscription(page);
      await createTask(server, user, "Already there");
      const row = page.getByText("Already there");
      await row.waitFor();
      // After a slow connection all that is displayed is queried once more: the answers are to be in the cache.
      await page.waitForTimeout(1000);
      await server.stop();
      await page.getByText(lost).waitFor();
      await page.getByRole("radio", { name: "Done" }).check();
      await page.getByRole("alert").getByText("No connection").waitFor();
      await page.getByRole("radio", { name: "All" }).check();
      await row.waitFor();
      assert.equal(await page.getByRole("alert").count(), 0);
      assert.equal(await page.getByText(lost).count(), 1);
    }),
  ));

test("the courses show one error for all queries", () =>
  withBrowser({}, async ({ context, open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    await page.goto(url("/courses"));
    await page.getByText("Next for you").waitFor();
    await page.getByRole("link", { name: "Tasks", exact: true }).click();
    await heading(page, "Tasks").waitFor();
    await page.clock.install();
    await context.route("**/graphql", (route) => route.abort());
    let failed = sentOperations(page);
    await page.getByRole("link", { name: "Courses", exact: true }).click();
    const alert = page.getByRole("alert");
    const hasFailed = () => ["Courses", "Recommendations"].every((name) => failed.includes(name));
    await until("both queries", hasFailed);
    await alert.getByText("No connection").waitFor();
    await page.waitForTimeout(300);
    // There is none while it is tried again.
    assert.ok((await alert.count()) <= 1, "above what was loaded");
    failed = sentOperations(page);
    await page.getByRole("searchbox").fill("feedback");
    await page.clock.fastForward(300);
    await until("the search", () => failed.includes("FoundChapters"));
    await page.waitForTimeout(300);
    assert.ok((await alert.count()) <= 1, "a search");
    await page.getByRole("searchbox").fill("");
    await page.clock.fastForward(300);
    await page.getByText("Next for you").waitFor();
    await context.unroute("**/graphql");
    await page.getByRole("button", { name: "Try again" }).click();
    await alert.waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Physical AI" }).waitFor();
  }));

test("a page without data has one error", () =>
  withBrowser({}, async ({ context, open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    await context.route("**/graphql", (route) => route.abort());
    const sent = sentOperations(page);
    await page.getByRole("link", { name: "Courses", exact: true }).click();
    await until("both queries", () => ["Courses", "Recommendations"].every((name) => sent.includes(name)));
    await page.getByRole("alert").getByText("No connection").waitFor();
    await page.waitForTimeout(300);
    assert.ok((await page.getByRole("alert").count()) <= 1);
    await context.unroute("**/graphql");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("Next for you").waitFor();
    await page.getByRole("link", { name: "Physical AI" }).waitFor();
  }));

test("a message is not shown on the next page", () =>
  withBrowser({}, async ({ context, open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    await page.getByText("No tasks yet").waitFor();
    await context.route("**/graphql", (route) => route.abort());
    await page.getByRole("textbox", { name: "New task" }).fill("Buy bread");
    await page.getByRole("button", { name: "Add" }).click();
    const toast = page.locator(".toast");
    await toast.getByText("The API could not be reached.").waitFor();
    await page.getByRole("link", { name: "Courses", exact: true }).click();
    await heading(page, "Courses").waitFor();
    assert.equal(await toast.count(), 0);
  }));

test("scrolling shows no error", () =>
  withBrowser({ viewport: { width: 390, height: 500 } }, async ({ context, open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    await page.goto(url("/courses/physical-ai/sense-think-act"));
    await page.getByRole("button", { name: "Mark as read" }).waitFor();
    await context.route("**/graphql", (route) => route.abort());
    const failed = page.waitForEvent("requestfailed", (request) => request.postData()?.includes("RecordProgress") ?? false);
    await page.mouse.move(100, 300);
    await page.mouse.wheel(0, 2000);
    await failed;
    await page.waitForTimeout(500);
    assert.equal(await page.locator(".toast").count(), 0);
    // What the reader asks for is answered.
    await page.getByRole("button", { name: "Mark as read" }).click();
    await page.locator(".toast").waitFor();
  }));
