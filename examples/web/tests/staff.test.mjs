import assert from "node:assert/strict";
import { test } from "node:test";
import { createUser, heading, loseFirstAnswer, signIn, until, url, withBrowser } from "./support.mjs";

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

test("a chapter whose answer was lost is opened by the repetition", () =>
  withBrowser({}, async ({ context, open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser({ role: "editor" }));
    await loseFirstAnswer(context, "CreateChapter");
    await page.getByRole("link", { name: "Editor" }).click();
    const section = page.getByRole("region", { name: "Building APIs in Rust" });
    await section.getByLabel("Title of a new chapter").fill("Written only once");
    await section.getByRole("button", { name: "Create draft" }).click();
    await page.getByText("The API could not be reached.").waitFor();
    await section.getByRole("button", { name: "Create draft" }).click();
    await heading(page, "Edit chapter").waitFor();
    assert.equal(await page.getByLabel("Title", { exact: true }).inputValue(), "Written only once");
  }));

test("what an editor typed is there on the next visit, until it is saved or discarded", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser({ role: "editor" }));
    await page.getByRole("link", { name: "Editor" }).click();
    const created = page.getByRole("region", { name: "Building APIs in Rust" }).getByLabel("Title of a new chapter");
    await created.fill("Half of a chapter");
    await page.getByRole("link", { name: "Learning to act" }).click();
    const about = page.getByRole("form", { name: "About the chapter" });
    const [summary, text] = [about.getByLabel("Summary"), page.getByLabel("Text in Markdown")];
    const before = await summary.inputValue();
    await summary.fill("Half of a summary");
    await text.fill("Half of a text");
    await page.getByRole("link", { name: "All chapters" }).click();
    assert.equal(await created.inputValue(), "Half of a chapter");
    await page.getByRole("link", { name: "Learning to act" }).click();
    await page.reload();
    await until("the summary", async () => (await summary.inputValue()) === "Half of a summary");
    assert.equal(await text.inputValue(), "Half of a text");
    await about.getByRole("button", { name: "Discard" }).click();
    assert.equal(await summary.inputValue(), before);
    await page.reload();
    await until("the summary", async () => (await summary.inputValue()) === before);
    assert.equal(await page.getByText("Not saved yet.").count(), 1);
    assert.equal(await text.inputValue(), "Half of a text");
  }));

test("an error of a filter is shown in every list of the admin", () =>
  withBrowser({}, async ({ context, open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser({ role: "admin" }));
    const lists = [
      ["/admin", "dl", () => page.getByRole("radio", { name: "7 days" }).check()],
      ["/admin/users", "table", () => page.getByRole("searchbox").fill("no such user")],
      ["/admin/audit", "table", () => page.getByLabel("Field").fill("No.such")],
    ];
    for (const [path, list, choose] of lists) {
      await page.goto(url(path));
      await page.locator(list).first().waitFor();
      await context.route("**/graphql", (route) => route.abort());
      await choose();
      await page.getByRole("alert").getByText("No connection").waitFor();
      assert.equal(await page.locator(list).count(), 0, path);
      await context.unroute("**/graphql");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("alert").waitFor({ state: "detached" });
    }
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
