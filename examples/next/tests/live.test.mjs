// What the browser does: events, mutations, signing in and out.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { createTask, createUser, getPage, live, seriousViolations, shows, text, withBrowser } from "./support.mjs";

test("completing a task changes the events and the part of the server", async () => {
  const user = await createUser();
  await createTask(user, "Water the plants");
  await withBrowser({ user }, async ({ open }) => {
    const page = await open("/");
    await live(page);
    await shows(page, "main", "1 open, 0 done");
    await page.click('[aria-label="Complete: Water the plants"]:not([disabled])');
    await shows(page, "aside", "Completed Water the plants");
    await shows(page, "main", "0 open, 1 done");
    assert.equal(await page.$('[aria-label^="Complete:"]'), null);
  });
  const { text: html } = await getPage("/", { user });
  assert.match(html, /0 open, 1 done/);
});

test("a task that was created elsewhere appears, and none of another user", async () => {
  const [user, other] = [await createUser(), await createUser()];
  await withBrowser({ user }, async ({ open }) => {
    const page = await open("/");
    await live(page);
    await createTask(other, "Of another user");
    await createTask(user, "From another device");
    await shows(page, "aside", "Created From another device");
    await page.waitForSelector('[aria-label="Complete: From another device"]');
    assert.doesNotMatch(await text(page, "body"), /Of another user/);
  });
});

test("two tabs show the same", async () => {
  const user = await createUser();
  await withBrowser({ user }, async ({ open }) => {
    const [first, second] = [await open("/"), await open("/")];
    await live(first);
    await live(second);
    await createTask(user, "Seen twice");
    for (const page of [first, second]) await shows(page, 'ul[aria-label="Tasks"]', "Seen twice");
    // A click needs the tab in front.
    await first.bringToFront();
    await first.click('[aria-label="Complete: Seen twice"]');
    for (const page of [first, second]) await shows(page, "main", "0 open, 1 done");
  });
});

test("a task is created by keyboard, and an invalid title is reported at its field", async () => {
  const user = await createUser();
  await withBrowser({ user }, async ({ open }) => {
    const page = await open("/");
    await live(page);
    await page.focus("form.create input");
    await page.keyboard.press("Enter");
    await page.waitForSelector('form.create input[aria-invalid="true"]');
    assert.match(await text(page, "form.create [role=alert]"), /required/);
    await page.keyboard.type("Typed by keyboard");
    await page.keyboard.press("Enter");
    await shows(page, 'ul[aria-label="Tasks"]', "Typed by keyboard");
    assert.equal(await page.$("form.create [role=alert]"), null);
    assert.equal(await page.$eval("form.create input", (input) => input.value), "");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await shows(page, "main", "0 open, 1 done");
  });
});

async function fill(page, values) {
  for (const [name, value] of Object.entries(values)) await page.type(`input[name="${name}"]`, value);
  await page.keyboard.press("Enter");
}

test("sign-up, sign-out, and the sign-in of another user in the same browser", async () => {
  const [email, password] = [`${randomUUID()}@example.com`, "correct-horse-battery"];
  const other = await createUser();
  await createTask(other, "Of the second user");
  await withBrowser({}, async ({ open }) => {
    const page = await open("/sign-up");
    await fill(page, { name: "New User", email, password });
    await shows(page, "main", "No tasks yet");
    await live(page);
    await page.type("form.create input", "Of the first user");
    await page.keyboard.press("Enter");
    await shows(page, 'ul[aria-label="Tasks"]', "Of the first user");
    await page.click("header button");
    await shows(page, "main", "Sign in to see your tasks");
    assert.doesNotMatch(await text(page, "body"), /New User|Of the first user/);

    await page.click('main a[href="/sign-in"]');
    await page.waitForSelector('input[name="email"]');
    await fill(page, { email: other.email, password: "a wrong password" });
    await shows(page, "form [role=alert]", "Invalid email or password");
    await page.$eval('input[name="password"]', (input) => input.select());
    await fill(page, { password });
    await shows(page, "main", "Of the second user");
    await live(page);
    // The JWT of the first user is not used for the second.
    await page.click('[aria-label="Complete: Of the second user"]:not([disabled])');
    await shows(page, "aside", "Completed Of the second user");
    assert.doesNotMatch(await text(page, "body"), /Of the first user/);
  });
});

test("a sign-out in one tab ends the other one", async () => {
  const user = await createUser();
  await createTask(user, "Behind the sign-in");
  await withBrowser({ user }, async ({ open }) => {
    const [first, second] = [await open("/"), await open("/")];
    await live(first);
    await live(second);
    await second.click("header button");
    for (const page of [first, second]) await shows(page, "main", "Sign in to see your tasks");
    assert.doesNotMatch(await text(first, "body"), /Behind the sign-in/);
  });
});

for (const dark of [false, true]) {
  test(`every page is accessible, and fits 390 px, in ${dark ? "dark" : "light"}`, async () => {
    const user = await createUser();
    await createTask(user, "Averylongwordthatdoesnotfitintoonelineofaphone".repeat(3));
    const pages = [
      [undefined, "/"],
      [undefined, "/sign-in"],
      [undefined, "/sign-up"],
      [user, "/"],
      [user, "/chapters/sense-think-act"],
      [user, "/chapters/feedback-control"],
    ];
    for (const [visitor, path] of pages) {
      await withBrowser({ user: visitor, dark, width: 390 }, async ({ open }) => {
        const page = await open(path);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, path);
        assert.deepEqual(await seriousViolations(page), [], path);
      });
    }
  });
}

test("the first Tab leads to the content", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  }));
