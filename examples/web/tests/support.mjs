// A browser, users, and what is checked on every page.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after } from "node:test";
import { launch } from "../scripts/browser.mjs";
import { createAccount, executorFor, PASSWORD } from "../scripts/seed.mjs";
import "./signals.mjs";

const { PAGE_URL, AUTH_URL, API_URL, AUTH_DATABASE } = process.env;
const servers = { database: AUTH_DATABASE, authUrl: AUTH_URL, apiUrl: API_URL, origin: PAGE_URL };
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const url = (path) => `${PAGE_URL}${path}`;

const browser = await launch();
after(() => browser.close());

const FAILED = /^(Failed to load resource|WebSocket connection to .* failed)/;

/** What a page must not do in silence: errors of scripts and of React. Failed requests are shown to the user instead. */
function watch(page, problems) {
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !FAILED.test(message.text())) problems.push(message.text());
  });
}

const subscriptions = new WeakMap();

function watchSocket(page) {
  page.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      if (String(payload).includes('"type":"subscribe"')) subscriptions.set(page, (subscriptions.get(page) ?? 0) + 1);
    }),
  );
}

/** Waits until the page has subscribed this often: events are sent from then on. */
export const subscription = (page, count = 1) => until(`subscription ${count}`, () => (subscriptions.get(page) ?? 0) >= count);

const operationOf = (request) => /(?:query|mutation) (\w+)/.exec(request.postData() ?? "")?.[1];

/** The names of the operations that a page sends, from now on. */
export function sentOperations(page) {
  const sent = [];
  page.on("request", (request) => {
    const name = operationOf(request);
    if (name !== undefined) sent.push(name);
  });
  return sent;
}

/** Has `handle(route, count)` answer the operations of this name, from now on. */
export async function intercept(context, name, handle) {
  let count = 0;
  await context.route("**/graphql", (route, request) => {
    if (operationOf(request) !== name) return route.fallback();
    count += 1;
    return handle(route, count);
  });
}

/** The first answer to an operation of this name is lost: the server has executed it. */
export const loseFirstAnswer = (context, name) =>
  intercept(context, name, async (route, count) => {
    if (count > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });

/** Ends when the response to an operation of this name has arrived. */
export const answer = (page, name) =>
  page.waitForResponse((response) => new RegExp(`(query|mutation) ${name}\\b`).test(response.request().postData() ?? ""));

/** Has events wait until they are released. To be called before a page is opened. */
export async function holdEvents(context) {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  let subscribe;
  const subscribed = new Promise((resolve) => (subscribe = resolve));
  await context.routeWebSocket("**/graphql/ws", (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => {
      server.send(message);
      if (String(message).includes('"type":"subscribe"')) subscribe();
    });
    server.onMessage(async (message) => {
      if (String(message).includes('"type":"next"')) await released;
      socket.send(message);
    });
  });
  return { release, subscribed };
}

/** Runs a test in a browser of its own: `open` opens one more tab. */
export async function withBrowser(options, test) {
  const context = await browser.newContext({ locale: "en", viewport: { width: 1100, height: 800 }, ...options });
  context.setDefaultTimeout(30_000);
  const problems = [];
  const open = async (path) => {
    const page = await context.newPage();
    watch(page, problems);
    watchSocket(page);
    await page.goto(url(path));
    return page;
  };
  try {
    await test({ context, open });
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

/** A new user, with a role and a tier that only the operator gives. */
export async function createUser({ role = "user", tier = "free" } = {}) {
  const name = `User ${randomUUID().slice(0, 8)}`;
  const user = { name, email: `${randomUUID()}@example.com`, role, tier };
  await createAccount(servers, user);
  return { ...user, execute: () => executorFor(servers, user.email) };
}

export async function signIn(page, { email }) {
  await page.goto(url("/sign-in"));
  await fillSignIn(page, { email });
  await heading(page, "Tasks").waitFor();
}

/** Signs in on the sign-in page that is shown. */
export async function fillSignIn(page, { email }) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.locator("form").getByRole("button", { name: "Sign in" }).click();
}

export async function signOut(page, { name }) {
  await page.getByRole("button", { name }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("banner").getByRole("link", { name: "Sign in" }).waitFor();
}

export const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true });

/** What axe-core finds, with its best practices. */
export async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await globalThis.axe.run()).violations);
  return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

export async function until(what, isMet) {
  for (let tenths = 0; tenths < 300; tenths += 1) {
    if (await isMet()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`not met within 30 s: ${what}`);
}
