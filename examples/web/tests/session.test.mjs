import assert from "node:assert/strict";
import { test } from "node:test";
import { createUser, heading, signIn, subscription, until, url, withBrowser } from "./support.mjs";

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

test("a session that ends elsewhere ends on the page", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const page = await open("/sign-in");
    await signIn(page, user);
    await page.getByText("No tasks yet").waitFor();
    const response = await context.request.post(`${process.env.AUTH_URL}/api/auth/sign-out`, { headers: { origin: url("") }, data: {} });
    assert.equal(response.status(), 200);
    await page.getByText("Sign in to see this page").waitFor();
    assert.ok(!(await page.content()).includes(user.name));
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
