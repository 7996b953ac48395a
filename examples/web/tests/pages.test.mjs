// Every page, in light and dark, on a desktop and on a phone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createUser, violations, signIn, url, withBrowser } from "./support.mjs";

const anonymousPages = [
  ["/courses", "Physical AI"],
  ["/courses/physical-ai", "Learning to act"],
  ["/courses/physical-ai/sense-think-act", "Pour yourself a glass"],
  ["/courses/physical-ai/feedback-control", "Premium members"],
  ["/sign-in", "Demo accounts"],
  ["/sign-up", "At least 8 characters."],
  ["/tasks", "Sign in to see this page"],
  ["/nowhere", "There is no page"],
];

const ownPages = [
  ["/tasks", "Overdue since"],
  ["/courses", "Next for you"],
  ["/courses/physical-ai", "Learning to act"],
  ["/courses/physical-ai/sense-think-act", "Mark as read"],
  ["/editor", "Learning to act"],
  ["/editor/sense-think-act", "Save text"],
  ["/admin", "Tasks created"],
  ["/admin/users", "Last seen"],
  ["/admin/audit", "Mutation."],
];

async function checkPages(page, pages) {
  for (const [path, text] of pages) {
    await page.goto(url(path));
    await page.getByText(text).first().waitFor();
    assert.deepEqual(await violations(page), [], path);
    await page.setViewportSize({ width: 390, height: 844 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `${path} is ${width} px wide on a phone`);
    await page.setViewportSize({ width: 1100, height: 800 });
  }
}

for (const colorScheme of ["light", "dark"]) {
  test(`${colorScheme}: pages of a visitor`, () =>
    withBrowser({ colorScheme }, async ({ open }) => checkPages(await open("/courses"), anonymousPages)));

  test(`${colorScheme}: pages of an admin, dialogs and the menu`, () =>
    withBrowser({ colorScheme }, async ({ open }) => {
      const user = await createUser({ role: "admin", tier: "premium" });
      const execute = await user.execute();
      const input = '{title: "Late", dueOn: "2026-01-01", priority: URGENT, tags: ["home"], isPublic: true}';
      await execute(`mutation { createTask(input: ${input}) { task { id } } }`);
      const page = await open("/sign-in");
      await signIn(page, user);
      await checkPages(page, ownPages);
      await page.goto(url("/tasks"));
      await page.getByRole("button", { name: "Edit: Late" }).click();
      assert.deepEqual(await violations(page), [], "the dialog");
      await page.getByRole("dialog").getByLabel("Title", { exact: true }).fill("");
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByText("This is required.").waitFor();
      assert.deepEqual(await violations(page), [], "the dialog with an error");
      await page.keyboard.press("Escape");
      const other = await createUser();
      await (await other.execute())("{ me { id } }");
      await page.goto(url("/admin/users"));
      await page.getByRole("button", { name: `Erase the data of ${other.name}` }).click();
      await page.getByText("Rows to delete").waitFor();
      assert.deepEqual(await violations(page), [], "the dialog of a dry run");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: user.name, exact: true }).click();
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await violations(page), [], "the menu");
    }));
}

test("nothing in the header is cut on a phone", () =>
  withBrowser({ viewport: { width: 390, height: 844 } }, async ({ open }) => {
    const page = await open("/courses");
    const label = page.locator(".account-label");
    const isWhole = () => label.evaluate((element) => element.scrollWidth <= element.clientWidth);
    await label.filter({ hasText: "Settings" }).waitFor();
    assert.ok(await isWhole(), "Settings is cut");
    const user = await createUser();
    await signIn(page, user);
    await label.filter({ hasText: user.name }).waitFor();
    assert.ok(await isWhole(), "the name is cut");
  }));

test("the header of a visitor is one row above the navigation on a phone", () =>
  withBrowser({ viewport: { width: 390, height: 844 } }, async ({ open }) => {
    const page = await open("/courses");
    const banner = page.getByRole("banner");
    const parts = [banner.getByRole("link", { name: "Hallpass Academy" }), banner.getByRole("link", { name: "Sign in" }), banner.getByRole("button", { name: "Settings" })];
    const middles = [];
    for (const part of parts) {
      const { y, height } = await part.boundingBox();
      middles.push(y + height / 2);
    }
    assert.ok(Math.max(...middles) - Math.min(...middles) < 4, `the rows of the header: ${middles}`);
  }));

test("the state of a chapter is below its title on a phone, also without a number", () =>
  withBrowser({ viewport: { width: 390, height: 844 } }, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser({ role: "editor" }));
    await page.goto(url("/editor"));
    const item = page.getByRole("listitem").filter({ hasText: "Learning to act" });
    const [title, state] = [await item.getByRole("link").boundingBox(), await item.locator(".chip").boundingBox()];
    assert.ok(Math.abs(title.x - state.x) < 2, `the title is at ${title.x}, the state at ${state.x}`);
  }));

test("chapters of several courses are listed with the name of their course", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    await page.goto(url("/courses"));
    const next = page.getByRole("region", { name: "Next for you" }).getByRole("listitem");
    await next.first().waitFor();
    for (const text of await next.allInnerTexts()) assert.match(text, /^(Physical AI: robots|Building APIs in Rust)/);
    await page.getByRole("searchbox").fill("feedback");
    const found = page.getByRole("region", { name: "Chapters" }).getByRole("listitem");
    await found.first().waitFor();
    for (const text of await found.allInnerTexts()) assert.match(text, /^(Physical AI: robots|Building APIs in Rust)/);
  }));

test("a page without a connection has a heading, and landmarks", () =>
  withBrowser({}, async ({ context, open }) => {
    const page = await open("/courses");
    await page.getByRole("link", { name: "Physical AI" }).waitFor();
    await context.route("**/graphql", (route) => route.abort());
    await page.getByRole("link", { name: "Physical AI" }).click();
    await page.getByRole("alert").getByText("No connection").waitFor();
    assert.deepEqual(await violations(page), [], "an opened course");
    for (const path of ["/courses", "/courses/physical-ai/sense-think-act"]) {
      await page.goto(url(path));
      await page.getByRole("alert").getByText("No connection").waitFor();
      assert.deepEqual(await violations(page), [], path);
    }
    await context.route("**/get-session*", (route) => route.abort());
    await page.goto(url("/courses"));
    await page.getByText("The sign-in service does not answer").waitFor();
    assert.deepEqual(await violations(page), [], "without the sign-in service");
  }));

test("the check finds what is wrong", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/courses");
    await page.getByRole("searchbox").waitFor();
    await page.evaluate(() => {
      document.querySelector("main").insertAdjacentHTML("beforeend", '<button></button><p style="color: #ccc; background: #fff">pale</p>');
    });
    const found = await violations(page);
    assert.deepEqual(found.map((text) => text.split(":")[0]).sort(), ["button-name", "color-contrast"]);
  }));

test("nothing moves while a page loads", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const execute = await user.execute();
    for (let count = 0; count < 3; count += 1) await execute(`mutation { createTask(input: {title: "Task ${count}"}) { task { id } } }`);
    const page = await open("/sign-in");
    await signIn(page, user);
    for (const [path, text] of [["/tasks", "Task 1"], ["/courses", "Next for you"], ["/courses/physical-ai", "Start: The loop"], ["/courses/physical-ai/sense-think-act", "Mark as read"]]) {
      await page.goto(url(path));
      await page.getByText(text).first().waitFor();
      const shift = await page.evaluate(
        () =>
          new Promise((resolve) => {
            let sum = 0;
            const observer = new PerformanceObserver((list) => {
              for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) sum += value;
            });
            observer.observe({ type: "layout-shift", buffered: true });
            setTimeout(() => resolve(sum), 500);
          }),
      );
      assert.ok(shift < 0.1, `${path} shifts by ${shift}`);
    }
  }));
