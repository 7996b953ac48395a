import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD } from "../scripts/seed.mjs";
import { createUser, fillSignIn, heading, signIn, signOut, subscription, until, url, violations, withBrowser } from "./support.mjs";

/** The kind of credential that a request has. */
async function credentialOf(request) {
  const { authorization, cookie } = await request.allHeaders();
  if (authorization === undefined) return /session_token=/.test(cookie ?? "") ? "Cookie" : "none";
  return cookie === undefined && /^Bearer ey/.test(authorization) ? "JWT" : "several";
}

test("a JWT in place of the cookie, and back", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const page = await open("/sign-in");
    await signIn(page, user);
    const requests = [];
    page.on("request", (request) => {
      if (request.url().endsWith("/graphql") && request.method() === "POST") requests.push(request);
    });
    const choose = async (kind) => {
      const before = requests.length;
      const credentials = () => Promise.all(requests.slice(before).map(credentialOf));
      await page.getByRole("button", { name: user.name }).click();
      await page.getByRole("radio", { name: kind }).click();
      await until(`requests by ${kind}`, async () => (await credentials()).filter((used) => used === kind).length >= 2);
      await page.getByText("No tasks yet").waitFor();
      // The last connection may have sent requests before the next one, and none after it.
      const used = await credentials();
      assert.deepEqual([...new Set(used.slice(used.indexOf(kind)))], [kind]);
    };
    await subscription(page);
    await choose("JWT");
    await subscription(page, 2);
    const execute = await user.execute();
    await execute('mutation { createTask(input: {title: "By JWT"}) { task { id } } }');
    await page.getByText("By JWT").waitFor();
    await page.getByRole("button", { name: "Delete: By JWT" }).click();
    await page.getByText("No tasks yet").waitFor();
    await choose("Cookie");
  }));

test("the first key reaches the link to the content, on the page that was opened", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const page = await open("/sign-in");
    await signIn(page, user);
    for (const path of ["/", "/courses", "/tasks"]) {
      await page.goto(url(path));
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForTimeout(300);
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the content", path);
    }
  }));

test("errors of the sign-in are shown, and the form works by keyboard", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const page = await open("/sign-in");
    await heading(page, "Sign in").waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
    await page.keyboard.press("Tab");
    await page.keyboard.type(user.email);
    await page.keyboard.press("Tab");
    await page.keyboard.type("a wrong password");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: /invalid email or password/i }).waitFor();
    await page.getByLabel("Password").fill("correct-horse-battery");
    await page.keyboard.press("Enter");
    await heading(page, "Tasks").waitFor();
  }));

const kinds = ["cookie", "jwt"];

/** Opens the page with this kind of credential. */
async function openAs(kind, { context, open }) {
  await context.addInitScript((value) => localStorage.setItem("credential", value), kind);
  return open("/sign-in");
}

for (const kind of kinds) {
  test(`${kind}: a session that ends elsewhere ends on the page, which says so`, () =>
    withBrowser({}, async ({ context, open }) => {
      const user = await createUser();
      const page = await openAs(kind, { context, open });
      await page.clock.install();
      await signIn(page, user);
      const other = await open("/courses");
      for (const tab of [page, other]) await tab.getByRole("button", { name: user.name }).waitFor();
      await page.getByText("No tasks yet").waitFor();
      await subscription(page);
      const response = await context.request.post(`${process.env.AUTH_URL}/api/auth/sign-out`, { headers: { origin: url("") }, data: {} });
      assert.equal(response.status(), 200);
      if (kind === "jwt") {
        // The token is valid for 15 minutes: the next request after them, or the socket, finds that the session has ended.
        await page.bringToFront();
        await page.getByRole("textbox", { name: "New task" }).fill("Too late");
        await page.clock.fastForward("20:00");
        await page.evaluate(() => document.querySelector("form.create-task")?.requestSubmit());
      }
      await page.getByText("Sign in to see this page").waitFor();
      for (const tab of [page, other]) {
        await tab.getByText("Your session has ended.").waitFor();
        assert.ok(!(await tab.content()).includes(user.name));
      }
      assert.deepEqual(await violations(page), []);
      assert.equal(await page.getByRole("link", { name: /^Sign in/ }).or(page.getByRole("button", { name: /^Sign in/ })).count(), 1);
      await page.bringToFront();
      await page.getByRole("link", { name: "Sign in again" }).click();
      await signIn(page, user);
      await page.getByText("No tasks yet").waitFor();
      assert.equal(await page.getByText("Your session has ended.").count(), 0);
    }));

  test(`${kind}: a page without the focus becomes the next user's, and sends nothing for the last one`, () =>
    withBrowser({}, async ({ context, open }) => {
      const [alice, bob] = [await createUser(), await createUser()];
      const page = await openAs(kind, { context, open });
      await signIn(page, alice);
      await page.getByText("No tasks yet").waitFor();
      const other = await open("/tasks");
      await other.getByText("No tasks yet").waitFor();

      // The page does not learn yet who is signed in.
      let release;
      const released = new Promise((resolve) => (release = resolve));
      await page.route(/get-session|\/token/, async (route) => {
        await released;
        await route.continue();
      });
      // As after a redirect of a provider: the session is another one when the page of the other tab is loaded.
      const body = { email: bob.email, password: PASSWORD };
      await context.request.post(`${process.env.AUTH_URL}/api/auth/sign-in/email`, { headers: { origin: url("") }, data: body });
      await other.reload();
      await other.getByRole("button", { name: bob.name }).waitFor();
      await page.evaluate((title) => {
        const input = document.querySelector("form.create-task input");
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, title);
        input.dispatchEvent(new Event("input", { bubbles: true }));
        setTimeout(() => input.form.requestSubmit(), 100);
      }, "Written as Alice");
      await page.waitForTimeout(500);
      release();
      await page.getByRole("button", { name: bob.name }).waitFor();
      await page.getByText("No tasks yet").waitFor();
      for (const user of [alice, bob]) {
        const execute = await user.execute();
        assert.deepEqual(await execute("{ tasks(first: 5) { nodes { title } } }"), { tasks: { nodes: [] } });
      }
    }));
}

test("a sign-out is not an ended session, in any tab", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const page = await open("/sign-in");
    await signIn(page, user);
    const other = await open("/tasks");
    await other.getByRole("button", { name: user.name }).waitFor();
    await page.bringToFront();
    await signOut(page, user);
    for (const tab of [page, other]) {
      await tab.getByText("Sign in to see this page").waitFor();
      assert.equal(await tab.getByText("Your session has ended.").count(), 0);
    }
  }));

test("the auth server is asked once who is signed in, for each page and each sign-in", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const asked = [];
    context.on("request", (request) => {
      if (request.method() === "GET" && request.url().includes("/get-session")) asked.push(request.url());
    });
    const page = await open("/sign-in");
    await heading(page, "Sign in").waitFor();
    assert.equal(asked.length, 1, "a page");
    await fillSignIn(page, user);
    await page.getByText("No tasks yet").waitFor();
    await subscription(page);
    assert.equal(asked.length, 2, "a sign-in");
    await page.reload();
    await page.getByText("No tasks yet").waitFor();
    assert.equal(asked.length, 3, "a page of a user");
  }));

const locked = "/courses/physical-ai/feedback-control";
const pathOf = (page) => new URL(page.url()).pathname;

/** The pages with a link to the sign-in: how one gets to it, and what is shown there. */
const returns = [
  ["a page for users", "/tasks", (page) => page.getByRole("main").getByRole("button", { name: "Sign in" })],
  ["a page for some users", "/editor", (page) => page.getByRole("main").getByRole("button", { name: "Sign in" })],
  ["a paywall", locked, (page) => page.getByRole("main").getByRole("link", { name: "Sign in" })],
  ["the header", "/courses/physical-ai", (page) => page.getByRole("banner").getByRole("link", { name: "Sign in" })],
];

for (const [name, path, link] of returns) {
  test(`a sign-in from ${name} leads back there, and is not in the history`, () =>
    withBrowser({}, async ({ open }) => {
      const user = await createUser();
      const page = await open("/courses");
      await heading(page, "Courses").waitFor();
      await page.goto(url(path));
      await link(page).click();
      // To the page for new users, and back.
      await page.getByRole("link", { name: "Create an account" }).click();
      await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
      await heading(page, "Sign in").waitFor();
      await fillSignIn(page, user);
      await page.getByRole("button", { name: user.name }).waitFor();
      await page.waitForURL(url(path));
      await page.goBack();
      await page.waitForURL(url("/courses"));
      for (let steps = 0; steps < 2; steps += 1) await page.goForward();
      await page.waitForURL(url(path));
    }));
}

test("a new account leads back to the page, as does a sign-in on an address without a page before it", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open(locked);
    await page.getByRole("main").getByRole("link", { name: "Create an account" }).click();
    await page.getByLabel("Name").fill("Nora New");
    await page.getByLabel("E-mail address").fill(`${crypto.randomUUID()}@example.com`);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("Your tier is free.").waitFor();
    assert.equal(pathOf(page), locked);
    await signOut(page, { name: "Nora New" });
    const user = await createUser();
    for (const [to, wanted] of [[locked, locked], ["//example.com/", "/tasks"], ["https://example.com/", "/tasks"], ["/sign-in", "/tasks"]]) {
      await page.goto(url(`/sign-in?to=${encodeURIComponent(to)}`));
      await fillSignIn(page, user);
      await page.waitForURL(url(wanted));
      await signOut(page, user);
    }
  }));

test("a session that ended is begun again on its page", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const page = await open("/sign-in");
    await signIn(page, user);
    await page.goto(url("/courses"));
    await page.getByRole("link", { name: "Physical AI" }).click();
    await page.getByRole("region", { name: "Your progress" }).waitFor();
    await subscription(page, 2); // the tasks of the first page, and the progress
    await context.request.post(`${process.env.AUTH_URL}/api/auth/sign-out`, { headers: { origin: url("") }, data: {} });
    await page.getByRole("link", { name: "Sign in again" }).click();
    await fillSignIn(page, user);
    await page.getByRole("region", { name: "Your progress" }).waitFor();
    assert.equal(pathOf(page), "/courses/physical-ai");
    await page.goBack();
    await heading(page, "Courses").waitFor();
    assert.equal(pathOf(page), "/courses");
  }));

test("an auth server that does not answer is not a sign-out", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const page = await open("/sign-in");
    await signIn(page, user);
    await context.route("**/get-session*", (route) => route.abort());
    await page.goto(url("/tasks"));
    await page.getByText("The sign-in service does not answer").waitFor();
    await context.unroute("**/get-session*");
    await page.getByRole("button", { name: "Try again" }).click();
    await heading(page, "Tasks").waitFor();
  }));

test("what a visitor typed is still there when the window gets the focus", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await page.getByLabel("E-mail address").fill("typed@example.com");
    const again = page.waitForResponse((response) => response.url().includes("/get-session"));
    await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await again;
    await page.waitForTimeout(300);
    assert.equal(await page.getByLabel("E-mail address").inputValue(), "typed@example.com");
  }));

test("the appearance is the system's until it is chosen", () =>
  withBrowser({ colorScheme: "dark" }, async ({ open }) => {
    const page = await open("/courses");
    await heading(page, "Courses").waitFor();
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await background();
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("radio", { name: "Light" }).check();
    const light = await background();
    assert.notEqual(light, dark);
    await page.reload();
    await heading(page, "Courses").waitFor();
    assert.equal(await background(), light);
  }));
