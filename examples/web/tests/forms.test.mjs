// Errors of forms: a plain sentence at each field, and the focus at the first of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD } from "../scripts/seed.mjs";
import { createUser, heading, signIn, until, url, violations, withBrowser } from "./support.mjs";

/** The message about a field, which names it for screen readers. */
async function messageAt(page, label) {
  const control = page.getByLabel(label, { exact: true });
  assert.equal(await control.getAttribute("aria-invalid"), "true", `${label} is not invalid`);
  const id = await control.getAttribute("aria-describedby");
  return page.locator(`[id="${id}"]`).textContent();
}

const focusedLabel = (page) => page.evaluate(() => document.activeElement?.labels?.[0]?.textContent);

const email = "Enter an e-mail address, such as name@example.com.";
const forms = [
  ["/sign-up", "Create account", { Name: "Enter your name.", "E-mail address": email, Password: "Choose a password of at least 8 characters." }],
  ["/sign-in", "Sign in", { "E-mail address": email, Password: "Enter your password." }],
];

for (const [path, button, messages] of forms) {
  test(`${path}: each empty field has a sentence`, () =>
    withBrowser({}, async ({ context, open }) => {
      const sent = [];
      context.on("request", (request) => {
        if (request.method() === "POST" && request.url().includes("/api/auth/")) sent.push(request.url());
      });
      const page = await open(path);
      await page.locator("form").getByRole("button", { name: button }).click();
      const labels = Object.keys(messages);
      await page.getByText(messages.Password).waitFor();
      for (const label of labels) assert.equal(await messageAt(page, label), messages[label]);
      assert.equal(await focusedLabel(page), labels[0]);
      assert.deepEqual(sent, []);
      assert.deepEqual(await violations(page), []);
      // The next attempt is about the fields that are still wrong.
      await page.getByLabel(labels[0], { exact: true }).fill(labels[0] === "Name" ? "Nora New" : "nora@example.com");
      await page.keyboard.press("Enter");
      await until("the next field has the focus", async () => (await focusedLabel(page)) === labels[1]);
      assert.equal(await page.getByLabel(labels[0], { exact: true }).getAttribute("aria-invalid"), null);
    }));

  test(`${path}: the validator's text is not shown`, () =>
    withBrowser({}, async ({ context, open }) => {
      const message = "[body.email] Invalid email address; [body.password] Too small: expected string to have >=1 characters";
      await context.route(/\/sign-(in|up)\/email/, async (route) => {
        const headers = { "access-control-allow-origin": url(""), "access-control-allow-credentials": "true" };
        return route.fulfill({ status: 400, headers, json: { code: "VALIDATION_ERROR", message } });
      });
      const page = await open(path);
      if (path === "/sign-up") await page.getByLabel("Name").fill("Nora New");
      await page.getByLabel("E-mail address").fill("nora@example.com");
      await page.getByLabel("Password").fill(PASSWORD);
      await page.locator("form").getByRole("button", { name: button }).click();
      await page.getByText(email).waitFor();
      for (const label of ["E-mail address", "Password"]) assert.equal(await messageAt(page, label), messages[label]);
      assert.equal(await focusedLabel(page), "E-mail address");
      assert.ok(!(await page.content()).includes("body."));
    }));
}

test("what the auth server rejects is at its field", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const page = await open("/sign-up");
    await page.getByLabel("Name").fill("Nora New");
    await page.getByLabel("Password").fill(PASSWORD);
    for (const [typed, message] of [["nora@example.c", email], [user.email, "User already exists. Use another email."]]) {
      await page.getByLabel("E-mail address").fill(typed);
      await page.getByRole("button", { name: "Create account" }).click();
      await page.getByText(message).waitFor();
      assert.equal(await messageAt(page, "E-mail address"), message);
      await until("the field has the focus", async () => (await focusedLabel(page)) === "E-mail address");
    }
  }));

test("every form moves the focus to an error", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser({ role: "editor" });
    const execute = await user.execute();
    await execute('mutation { createTask(input: {title: "Buy bread"}) { task { id } } }');
    const page = await open("/sign-in");
    await signIn(page, user);
    const focusAfter = async (label) => until(`the focus is at ${label}`, async () => (await focusedLabel(page)) === label);
    await page.getByRole("button", { name: "Add" }).click();
    await focusAfter("New task");
    await page.getByRole("button", { name: "Edit: Buy bread" }).click();
    await page.getByRole("dialog").getByLabel("Tags").fill("x".repeat(41));
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await focusAfter("Tags");
    await page.getByRole("dialog").getByLabel("Title", { exact: true }).fill("");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await focusAfter("Title");
    await page.goto(url("/editor"));
    await page.getByRole("button", { name: "Create draft" }).first().click();
    await focusAfter("Title of a new chapter");
    await page.goto(url("/editor/sense-think-act"));
    const about = page.getByRole("form", { name: "About the chapter" });
    await about.getByLabel("Title").fill("");
    await about.getByRole("button", { name: "Save" }).click();
    await focusAfter("Title");
    await page.getByLabel("Text in Markdown").fill("");
    await page.getByRole("button", { name: "Save text" }).click();
    await focusAfter("Text in Markdown");
    await heading(page, "Edit chapter").waitFor();
  }));
