import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD } from "../scripts/seed.mjs";
import { createUser, heading, holdEvents, intercept, loseFirstAnswer, signIn, signOut, subscription, until, url, withBrowser } from "./support.mjs";

const row = (page, title) => page.getByRole("list", { name: "Tasks" }).getByRole("listitem").filter({ hasText: title });

// A tab in the background is drawn too seldom for a click.
async function add(page, title) {
  await page.bringToFront();
  await page.getByRole("textbox", { name: "New task" }).fill(title);
  await page.getByRole("button", { name: "Add" }).click();
}

async function save(page) {
  await page.bringToFront();
  await page.getByRole("button", { name: "Save", exact: true }).click();
}

async function edit(page, title, newTitle) {
  await page.bringToFront();
  await page.getByRole("button", { name: `Edit: ${title}` }).click();
  await page.getByRole("dialog").getByLabel("Title", { exact: true }).fill(newTitle);
}

test("from signing up to signing out, in two tabs", () =>
  withBrowser({}, async ({ open }) => {
    const first = await open("/sign-up");
    const email = `${crypto.randomUUID()}@example.com`;
    await first.getByLabel("Name").fill("Greta Green");
    await first.getByLabel("E-mail address").fill(email);
    await first.getByLabel("Password").fill(PASSWORD);
    await first.getByRole("button", { name: "Create account" }).click();
    await heading(first, "Tasks").waitFor();
    const second = await open("/tasks");
    await second.getByText("No tasks yet").waitFor();
    for (const page of [first, second]) await subscription(page);

    // An invalid title: the message is at the field, and nothing is created.
    await add(first, "  ");
    const title = first.getByRole("textbox", { name: "New task" });
    await first.getByText("This is required.").waitFor();
    assert.equal(await title.getAttribute("aria-invalid"), "true");
    const described = await title.getAttribute("aria-describedby");
    assert.equal(await first.locator(`[id="${described}"]`).textContent(), "This is required.");
    assert.equal(await first.getByText("No tasks yet").count(), 1);

    // A valid one: in both tabs, with equal counts.
    await add(first, "Water the plants");
    await row(first, "Water the plants").waitFor();
    await row(second, "Water the plants").waitFor();
    assert.equal(await title.getAttribute("aria-invalid"), null);
    await second.getByText("1 open, 0 done").waitFor();
    await first.getByText("1 open, 0 done").waitFor();

    // Completed in the second tab, and so in the first.
    await second.bringToFront();
    await second.getByLabel("Completed: Water the plants").check();
    await until("completed in the first tab", () => first.getByLabel("Completed: Water the plants").isChecked());
    await first.getByText("0 open, 1 done").waitFor();

    // Deleted in the first tab, and so in the second.
    await add(first, "Only for a moment");
    await row(second, "Only for a moment").waitFor();
    await first.getByRole("button", { name: "Delete: Only for a moment" }).click();
    for (const page of [first, second]) await row(page, "Only for a moment").waitFor({ state: "detached" });

    // Signed out in the first tab: nothing of the user is on either page, nor behind the button "back".
    for (const page of [first, second]) assert.match(await page.content(), /Water the plants/);
    await signOut(first, { name: "Greta Green" });
    await second.getByRole("banner").getByRole("link", { name: "Sign in" }).waitFor();
    await first.goBack();
    for (const page of [first, second]) {
      const content = await page.content();
      for (const secret of ["Water the plants", "Greta", email]) assert.ok(!content.includes(secret), `${secret} is left`);
    }

    // The next user of this browser starts with nothing.
    await signIn(first, await createUser());
    await first.getByText("No tasks yet").waitFor();
    assert.ok(!(await first.content()).includes("Water the plants"));
  }));

test("a conflict is decided by the user", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const first = await open("/sign-in");
    await signIn(first, user);
    await add(first, "Write the report");
    await row(first, "Write the report").waitFor();
    const second = await open("/tasks");
    await subscription(second);

    await edit(first, "Write the report", "Write my report");
    await edit(second, "Write the report", "Write their report");
    await save(second);
    await second.getByRole("dialog").waitFor({ state: "detached" });
    await save(first);
    const conflict = first.getByRole("dialog", { name: "This task was changed elsewhere" });
    await conflict.waitFor();
    const cells = await conflict.locator("tbody tr").filter({ hasText: "Title" }).locator("td").allTextContents();
    assert.deepEqual(cells, ["Write my report", "Write their report"]);
    assert.equal(await conflict.locator("tbody tr").count(), 1);

    // Nothing was overwritten yet. Then mine wins, in both tabs.
    assert.equal(await row(second, "Write their report").count(), 1);
    await conflict.getByRole("button", { name: "Save mine" }).click();
    await row(first, "Write my report").waitFor();
    await row(second, "Write my report").waitFor();

    // The other way: mine is discarded.
    await edit(first, "Write my report", "Discarded");
    await edit(second, "Write my report", "The last word");
    await save(second);
    await row(second, "The last word").waitFor();
    await save(first);
    await first.getByRole("button", { name: "Discard mine" }).click();
    await row(first, "The last word").waitFor();
    const execute = await user.execute();
    const { tasks } = await execute("{ tasks(first: 5) { nodes { title } } }");
    assert.deepEqual(tasks.nodes, [{ title: "The last word" }]);
  }));

test("errors of the edit form are at their fields", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    await add(page, "Buy bread");
    await edit(page, "Buy bread", "");
    await page.getByRole("dialog").getByLabel("Tags").fill("x".repeat(41));
    await save(page);
    await until("both fields are invalid", async () => (await page.locator("dialog [aria-invalid=true]").count()) === 2);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Edit: Buy bread");
  }));

test("after a deletion the focus is at the next task, and then at the form", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const execute = await user.execute();
    for (const title of ["Last", "Middle", "First"]) await execute(`mutation { createTask(input: {title: "${title}"}) { task { id } } }`);
    const page = await open("/sign-in");
    await signIn(page, user);
    await row(page, "Last").waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.placeholder);
    for (const [title, next] of [["First", "Completed: Middle"], ["Last", "Completed: Middle"], ["Middle", "What is to be done?"]]) {
      await page.getByRole("button", { name: `Delete: ${title}` }).focus();
      await page.keyboard.press("Enter");
      await row(page, title).waitFor({ state: "detached" });
      assert.equal(await focused(), next);
    }
  }));

test("filters, and a change that leaves the filter", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const execute = await user.execute();
    const create = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }";
    for (const title of ["Feed the cat", "Feed the dog", "Sleep"]) await execute(create, { input: { title } });
    await execute(create, { input: { title: "Call home", priority: "URGENT" } });
    const page = await open("/sign-in");
    await signIn(page, user);
    const titles = () => page.locator(".task-title").allTextContents();
    await until("all", async () => (await titles()).length === 4);
    await page.getByRole("searchbox", { name: "Search" }).fill("feed");
    await until("two found", async () => (await titles()).join() === "Feed the dog,Feed the cat");
    await page.getByRole("searchbox", { name: "Search" }).fill("nothing like this");
    await page.getByText("No task matches").waitFor();
    await page.getByRole("searchbox", { name: "Search" }).fill("");
    await page.getByRole("search").getByRole("combobox", { name: "Priority" }).selectOption("URGENT");
    await until("the urgent one", async () => (await titles()).join() === "Call home");
    await page.getByRole("search").getByRole("combobox", { name: "Priority" }).selectOption("");
    const other = await open("/tasks");
    await other.getByRole("radio", { name: "Done" }).check();
    await other.getByText("No task matches").waitFor();
    await subscription(other);
    await page.bringToFront();
    await page.getByRole("radio", { name: "Open" }).check();
    await page.getByLabel("Completed: Sleep").click();
    await until("no longer among the open ones", async () => !(await titles()).includes("Sleep"));
    await page.getByRole("radio", { name: "Done" }).check();
    await until("among those done", async () => (await titles()).join() === "Sleep");
    await row(other, "Sleep").waitFor();
  }));

test("an error of a filter is shown, and not the rows of another one", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const execute = await user.execute();
    await execute('mutation { createTask(input: {title: "Already there"}) { task { id } } }');
    const page = await open("/sign-in");
    await signIn(page, user);
    await row(page, "Already there").waitFor();
    await context.route("**/graphql", (route) => route.abort());
    await page.getByRole("radio", { name: "Done" }).check();
    await page.getByRole("alert").getByText("No connection").waitFor();
    for (const text of ["No task matches", "Already there"]) assert.equal(await page.getByText(text).count(), 0, text);
    await page.getByRole("radio", { name: "All" }).check();
    await row(page, "Already there").waitFor();
    await page.getByRole("radio", { name: "Done" }).check();
    await page.getByRole("alert").getByText("No connection").waitFor();
    await context.unroute("**/graphql");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("No task matches").waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
  }));

test("a page of the list is loaded once, however often the button is pressed", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const execute = await user.execute();
    const inputs = Array.from({ length: 70 }, (_, index) => ({ title: `Task ${index}` }));
    await execute("mutation($inputs: [CreateTaskInput!]!) { createTasks(inputs: $inputs) { tasks { id } } }", { inputs });
    const page = await open("/sign-in");
    await signIn(page, user);
    const more = page.getByRole("button", { name: "Show more" });
    await more.waitFor();
    const titles = () => page.locator(".task-title").allTextContents();
    let release;
    const released = new Promise((resolve) => (release = resolve));
    await intercept(context, "Tasks", async (route) => {
      await released;
      return route.continue();
    });
    await more.evaluate((button) => {
      button.click();
      button.click();
    });
    await until("disabled", () => more.isDisabled());
    await more.focus();
    await page.keyboard.press("Enter");
    release();
    await until("two pages", async () => (await titles()).length >= 60);
    await until("enabled", async () => !(await more.isDisabled()));
    const loaded = await titles();
    assert.deepEqual([loaded.length, new Set(loaded).size], [60, 60], "one more page, each row once");
    await page.keyboard.press("Enter"); // the button has kept the focus
    await until("all", async () => (await titles()).length === 70);
    assert.equal(await more.count(), 0);
  }));

test("filters by tag and by due time", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const execute = await user.execute();
    const create = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }";
    await execute(create, { input: { title: "Water the herbs", tags: ["garden", "home"] } });
    await execute(create, { input: { title: "Cut the hedge", tags: ["garden"], dueOn: "2026-01-01" } });
    await execute(create, { input: { title: "Pay the bill", dueOn: "2026-01-02" } });
    const page = await open("/sign-in");
    await signIn(page, user);
    const titles = async () => (await page.locator(".task-title").allTextContents()).join();
    const tag = page.getByRole("search").getByRole("combobox", { name: "Tag" });
    await page.getByRole("option", { name: "garden (2)" }).waitFor({ state: "attached" });
    await tag.selectOption("garden");
    await until("the tagged ones", async () => (await titles()) === "Cut the hedge,Water the herbs");
    await page.getByRole("radio", { name: "Overdue" }).check();
    await until("the tagged one that is overdue", async () => (await titles()) === "Cut the hedge");
    await tag.selectOption("");
    await until("all that are overdue", async () => (await titles()) === "Pay the bill,Cut the hedge");
    await page.getByLabel("Completed: Pay the bill").click();
    await until("no longer overdue", async () => (await titles()) === "Cut the hedge");
    await page.getByText("2 open, 1 done, 1 overdue").waitFor();
    await page.getByRole("button", { name: "Delete: Cut the hedge" }).click();
    await page.getByRole("option", { name: "garden (1)" }).waitFor({ state: "attached" });
  }));

test("the counts change with the payload, without a second request", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    for (const text of ["0 open, 0 done", "No tasks yet"]) await page.getByText(text).waitFor();
    await subscription(page);
    const sent = [];
    page.on("request", (request) => {
      const name = /(?:query|mutation) (\w+)/.exec(request.postData() ?? "")?.[1];
      if (name !== undefined) sent.push(name);
    });
    await add(page, "Count me");
    await page.getByText("1 open, 0 done").waitFor();
    await page.locator('[data-saved="true"]', { hasText: "Count me" }).waitFor();
    await page.getByLabel("Completed: Count me").check();
    await page.getByText("0 open, 1 done").waitFor();
    await until("the mutation", () => sent.includes("CompleteTask"));
    await page.getByRole("button", { name: "Delete: Count me" }).click();
    await page.getByText("0 open, 0 done").waitFor();
    await until("the mutation", () => sent.includes("DeleteTask"));
    await page.waitForTimeout(500);
    assert.deepEqual(sent.filter((name) => name !== "TaskTags"), ["CreateTask", "CompleteTask", "DeleteTask"]);
  }));

test("a change elsewhere is counted, also if a query brought its row", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const execute = await user.execute();
    const events = await holdEvents(context);
    const page = await open("/sign-in");
    await signIn(page, user);
    await page.getByText("0 open, 0 done").waitFor();
    await events.subscribed;
    await execute('mutation { createTask(input: {title: "Elsewhere"}) { task { id } } }');
    await page.getByRole("radio", { name: "Open" }).check();
    await row(page, "Elsewhere").waitFor();
    assert.equal(await page.getByText("0 open, 0 done").count(), 1);
    events.release();
    await page.getByText("1 open, 0 done").waitFor();
    await page.getByRole("radio", { name: "All" }).check();
    await row(page, "Elsewhere").waitFor();
  }));

test("a deleted task does not come back with an earlier event", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const execute = await user.execute();
    const { createTask } = await execute('mutation { createTask(input: {title: "Short lived"}) { task { id } } }');
    const events = await holdEvents(context);
    const page = await open("/sign-in");
    await signIn(page, user);
    await row(page, "Short lived").waitFor();
    await events.subscribed;
    await execute("mutation($id: ID!) { completeTask(id: $id) { task { id } } }", { id: createTask.task.id });
    await page.getByRole("button", { name: "Delete: Short lived" }).click();
    await row(page, "Short lived").waitFor({ state: "detached" });
    await execute('mutation { createTask(input: {title: "Later"}) { task { id } } }');
    events.release();
    await row(page, "Later").waitFor();
    assert.equal(await row(page, "Short lived").count(), 0);
  }));

test("a new task is shown before the server answers, and taken away if it fails", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    let answer;
    const isCreate = (request) => request.postData()?.includes("CreateTask") ?? false;
    await page.route("**/graphql", (route, request) => {
      if (!isCreate(request)) return route.continue();
      return new Promise((resolve) => {
        answer = (action) => resolve(route[action]());
      });
    });
    await add(page, "Be quick");
    await row(page, "Be quick").waitFor();
    assert.equal(await row(page, "Be quick").getAttribute("data-saved"), "false");
    await until("the request", () => answer !== undefined);
    await answer("abort");
    await row(page, "Be quick").waitFor({ state: "detached" });
    await page.getByText("The API could not be reached.").waitFor();
    assert.equal(await page.getByRole("textbox", { name: "New task" }).inputValue(), "Be quick");
    answer = undefined;
    await page.getByRole("button", { name: "Add" }).click();
    await until("the request", () => answer !== undefined);
    await answer("continue");
    await page.locator('[data-saved="true"]', { hasText: "Be quick" }).waitFor();
    assert.equal(await row(page, "Be quick").count(), 1);
  }));

test("a task whose answer was lost is not created twice", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const page = await open("/sign-in");
    await signIn(page, user);
    await subscription(page);
    await loseFirstAnswer(context, "CreateTask");
    const title = page.getByRole("textbox", { name: "New task" });
    await add(page, "Once only");
    await page.getByText("The API could not be reached.").waitFor();
    await until("the text is back", async () => (await title.inputValue()) === "Once only");
    await page.getByRole("button", { name: "Add" }).click();
    await until("the text is sent", async () => (await title.inputValue()) === "");
    await page.locator('[data-saved="true"]', { hasText: "Once only" }).waitFor();
    await add(page, "Another one");
    await page.locator('[data-saved="true"]', { hasText: "Another one" }).waitFor();
    const titles = await page.locator(".task-title").allTextContents();
    assert.deepEqual(titles, ["Another one", "Once only"]);
    const execute = await user.execute();
    const { tasks } = await execute("{ tasks(first: 5) { nodes { title } } }");
    assert.deepEqual(tasks.nodes.map((node) => node.title), titles);
  }));

test("offline and back", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const execute = await user.execute();
    const page = await open("/sign-in");
    await signIn(page, user);
    await page.getByText("No tasks yet").waitFor();
    await context.setOffline(true);
    await page.getByText("You are offline.").waitFor();
    await add(page, "Written offline");
    await page.getByText("The API could not be reached.").waitFor();
    assert.equal(await page.getByRole("textbox", { name: "New task" }).inputValue(), "Written offline");
    await execute('mutation { createTask(input: {title: "Meanwhile"}) { task { id } } }');
    await context.setOffline(false);
    await row(page, "Meanwhile").waitFor();
    await page.getByText("You are offline.").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Add" }).click();
    await row(page, "Written offline").waitFor();
    await execute('mutation { createTask(input: {title: "Live again"}) { task { id } } }');
    await row(page, "Live again").waitFor();
  }));

test("what was typed is there again after the same user has signed in again, and not for another user", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const endSession = () => context.request.post(`${process.env.AUTH_URL}/api/auth/sign-out`, { headers: { origin: url("") }, data: {} });
    const page = await open("/sign-in");
    await signIn(page, user);
    await add(page, "Long report");
    await page.locator('[data-saved="true"]', { hasText: "Long report" }).waitFor();
    await subscription(page);
    const title = page.getByRole("textbox", { name: "New task" });
    await title.fill("Half of a title");
    await page.locator("form.create-task").getByLabel("Priority").selectOption("HIGH");
    await page.getByRole("link", { name: "Courses", exact: true }).click();
    await heading(page, "Courses").waitFor();
    await page.getByRole("link", { name: "Tasks", exact: true }).click();
    assert.equal(await title.inputValue(), "Half of a title");
    await page.getByRole("button", { name: "Edit: Long report" }).click();
    const description = page.getByRole("dialog").getByLabel("Description");
    await description.fill("Typed for ten minutes");
    await endSession();
    await page.getByText("Your session has ended.").waitFor();
    assert.ok(!(await page.content()).includes("Typed for ten minutes"));
    await signIn(page, user);
    await description.waitFor();
    assert.equal(await description.inputValue(), "Typed for ten minutes");
    assert.equal(await title.inputValue(), "Half of a title");
    assert.equal(await page.locator("form.create-task").getByLabel("Priority").inputValue(), "HIGH");
    await description.fill("Typed again");
    await subscription(page, 2);
    await endSession();
    await page.getByText("Your session has ended.").waitFor();
    await signIn(page, await createUser());
    await page.getByText("No tasks yet").waitFor();
    assert.equal(await page.getByRole("dialog").count(), 0);
    assert.equal(await title.inputValue(), "");
    assert.ok(!/Typed again|Half of/.test(await page.evaluate(() => JSON.stringify(sessionStorage))));
  }));

test("nothing that was typed is left after a sign-out, in any tab", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const first = await open("/sign-in");
    await signIn(first, user);
    const second = await open("/tasks");
    // A task that fails comes back into the form: here only after the sign-out.
    let fail;
    await intercept(context, "CreateTask", (route) => {
      fail = () => route.abort();
    });
    await add(second, "Private words");
    await until("the request", () => fail !== undefined);
    for (const page of [first, second]) await page.getByRole("textbox", { name: "New task" }).fill("Private words");
    await first.bringToFront();
    await signOut(first, user);
    for (const page of [first, second]) await page.getByText("Sign in to see this page").waitFor();
    const failed = second.waitForEvent("requestfailed");
    await fail();
    await failed;
    for (const page of [first, second]) {
      assert.ok(!(await page.evaluate(() => JSON.stringify(sessionStorage))).includes("Private words"));
    }
  }));
