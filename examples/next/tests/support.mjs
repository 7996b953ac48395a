// A browser, users, and what is checked on every page.
import assert from "node:assert/strict";
import { randomInt, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createAccount } from "../scripts/accounts.mjs";
import { launch } from "../scripts/browser.mjs";
import "./signals.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const main = { directory: process.env.DATA, url: process.env.PAGE_URL, apiUrl: process.env.API_URL };

const browser = await launch();
after(() => browser.close());

/** A client address of its own for each user: Better Auth limits the sign-ups of one address. */
const address = () => `198.18.${randomInt(256)}.${randomInt(256)}`;

/** A new user, signed in. */
export async function createUser({ tier = "free", servers = main } = {}) {
  const user = { name: `User ${randomUUID().slice(0, 8)}`, email: `${randomUUID()}@example.com`, tier };
  const [setCookie] = await createAccount(servers, user, address());
  const [cookie] = setCookie.split(";");
  return { ...user, cookie };
}

/** Executes GraphQL as the user, as a server does: with the session cookie, without an origin. */
export async function graphql({ cookie }, query, variables = {}, { apiUrl } = main) {
  const headers = { "content-type": "application/json", cookie };
  const response = await fetch(`${apiUrl}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

export async function createTask(user, title, servers = main) {
  await graphql(user, "mutation($input: CreateTaskInput!) { createTask(input: $input) { __typename } }", { input: { title } }, servers);
}

/** The response for a page, as a browser without JavaScript receives it. */
export async function getPage(path, { user, url = main.url, headers = {} } = {}) {
  const cookie = user === undefined ? {} : { cookie: user.cookie };
  const response = await fetch(`${url}${path}`, { headers: { ...cookie, ...headers } });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** What a page must not do in silence: errors of scripts and of React. Failed requests are shown to the user instead. */
function watch(page, problems) {
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text())) problems.push(message.text());
  });
}

/** Cookies of the browser that are those of the user. */
function cookies({ cookie }) {
  const at = cookie.indexOf("=");
  return { name: cookie.slice(0, at), value: cookie.slice(at + 1), domain: "localhost", path: "/", httpOnly: true };
}

/** Runs a test in a browser context of its own. `open` opens one more tab. */
export async function withBrowser({ user, url = main.url, dark = false, script = true, width = 1100 }, test) {
  const context = await browser.createBrowserContext();
  const problems = [];
  if (user !== undefined) await context.setCookie(cookies(user));
  const open = async (path) => {
    const page = await context.newPage();
    watch(page, problems);
    page.setDefaultTimeout(30_000);
    await page.setJavaScriptEnabled(script);
    await page.setViewport({ width, height: 800 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
    await page.goto(`${url}${path}`);
    return page;
  };
  try {
    await test({ open });
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

export const text = (page, selector) => page.$eval(selector, (element) => element.innerText);

/** Waits until the text of the element contains all parts. */
export async function shows(page, selector, ...parts) {
  await until(`${selector} with ${parts.join(", ")}`, async () => {
    const found = await text(page, selector).catch(() => "");
    return parts.every((part) => found.includes(part));
  });
}

export const live = (page) => page.waitForSelector('[data-status="live"]');

/** What axe-core finds that keeps people from using the page. */
export async function seriousViolations(page) {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => (await globalThis.axe.run()).violations);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

export async function until(what, isMet) {
  for (let tenths = 0; tenths < 300; tenths += 1) {
    if (await isMet()) return;
    await setTimeout(100);
  }
  assert.fail(`not met within 30 s: ${what}`);
}
