import assert from "node:assert/strict";
import { test } from "node:test";
import { createUser, heading, signIn, until, url, withBrowser } from "./support.mjs";

test("an admin sees numbers, users and the audit log, and erases a user", () =>
  withBrowser({}, async ({ open }) => {
    const erased = await createUser();
    const execute = await erased.execute();
    await execute('mutation { createTask(input: {title: "To be erased"}) { task { id } } }');
    await execute('mutation { createTask(input: {title: ""}) { task { id } } }').catch(() => undefined);
    const page = await open("/sign-in");
    await signIn(page, await createUser({ role: "admin" }));
    await page.getByRole("link", { name: "Admin" }).click();
    await page.getByText("Tasks created").waitFor();
    await page.getByRole("row", { name: /^enterprise \d+$/ }).waitFor();
    assert.ok(Number(await page.locator("dd").first().textContent()) >= 2);

    await page.getByRole("link", { name: "Users" }).click();
    await page.getByRole("searchbox").fill(erased.email);
    await page.getByRole("button", { name: `Erase the data of ${erased.name}` }).click();
    const erase = page.getByRole("dialog").getByRole("button", { name: "Erase" });
    assert.ok(await erase.isDisabled());
    // A dry run counted the rows, and deleted none.
    await page.getByRole("columnheader", { name: "Rows to delete" }).waitFor();
    await page.getByRole("row", { name: "task 1", exact: true }).waitFor();
    const { tasks } = await execute("{ tasks(first: 5) { nodes { title } } }");
    assert.deepEqual(tasks.nodes, [{ title: "To be erased" }]);
    await page.getByLabel(`Type ${erased.email} to confirm`).fill(erased.email);
    await erase.click();
    await page.getByRole("dialog", { name: `The data of ${erased.name} is erased` }).waitFor();
    await page.getByRole("columnheader", { name: "Deleted rows" }).waitFor();
    await page.getByRole("row", { name: "task 1", exact: true }).waitFor();
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByText("No user matches").waitFor();

    await page.getByRole("link", { name: "Audit log" }).click();
    await page.getByText("Mutation.eraseUser").first().waitFor();
    await page.getByLabel("Outcome").selectOption("BAD_USER_INPUT");
    const outcomes = () => page.locator(".outcome").allTextContents();
    await until("only denials", async () => (await outcomes()).length > 0 && (await outcomes()).every((text) => text === "BAD_USER_INPUT"));
    await page.getByLabel("Field").fill("No.such");
    await page.getByText("No event matches").waitFor();
  }));

test("an editor writes a chapter, previews and publishes it", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser({ role: "editor" }));
    await page.getByRole("link", { name: "Editor" }).click();
    const section = page.getByRole("region", { name: "Building APIs in Rust" });
    await section.getByRole("button", { name: "Create draft" }).click();
    await section.getByText("This is required.").waitFor();
    await section.getByLabel("Title of a new chapter").fill("Testing the page");
    await section.getByRole("button", { name: "Create draft" }).click();
    await page.getByLabel("Text in Markdown").fill("Some **bold** words.\n\n<script>alert(1)</script>");
    const preview = page.getByRole("region", { name: "Preview" });
    await preview.locator("strong", { hasText: "bold" }).waitFor();
    assert.equal(await preview.locator("script").count(), 0);
    await page.getByRole("button", { name: "Save text" }).click();
    await page.getByText("Saved.").waitFor();

    const path = "/courses/rust-apis/testing-the-page";
    await withBrowser({}, async ({ open: openAnonymous }) => {
      const visitor = await openAnonymous(path);
      await heading(visitor, "Chapter not found").waitFor();
      await page.bringToFront();
      await page.getByRole("button", { name: "Publish" }).click();
      await page.getByText("Published.").waitFor();
      await visitor.goto(url(path));
      await visitor.locator("article strong", { hasText: "bold" }).waitFor();
    });
    await page.getByRole("button", { name: "Make it a draft" }).click();
    await page.getByText("A draft again.").waitFor();
  }));

test("pages of others are not opened", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    assert.equal(await page.getByRole("link", { name: "Admin" }).count(), 0);
    for (const path of ["/admin", "/editor"]) {
      await page.goto(url(path));
      await page.getByText("Your account cannot open this page").waitFor();
    }
  }));
