// No page, dialog or menu is wider than its window, whatever texts users and editors write.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createUser, signIn, url, withBrowser } from "./support.mjs";

const WIDTHS = [320, 390, 1100];
/** The longest title of the server, without a place to break it. */
const long = "W".repeat(200);

const html = `<h2>${long}</h2><p>${long} <code>${long}</code> <a href="/courses">${long}</a></p><pre><code>${long}</code></pre>
<ul><li>${long}</li></ul><blockquote><p>${long}</p></blockquote><p><img alt="" width="1500" height="20" src="data:,"></p>
<table><tbody><tr>${`<td>${"W".repeat(40)}</td>`.repeat(6)}</tr></tbody></table>
<p><math display="block"><mrow>${"<mi>x</mi><mo>+</mo>".repeat(60)}<mi>x</mi></mrow></math></p>`;

const texts = new Set(["title", "name", "email", "summary", "description", "tags", "tag", "interestAreas", "because", "field", "rule", "callerId", "message"]);

/** The answer, with long texts in place of its own ones. */
function lengthened(value, name) {
  if (Array.isArray(value)) return value.map((item) => lengthened(item, name));
  if (typeof value === "string") return name === "bodyHtml" ? html : texts.has(name) ? long : value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, lengthened(part, key)]));
}

const lengthen = (context) =>
  context.route("**/graphql", async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, json: lengthened(await response.json()) });
  });

/** What is wider than the window, and the boxes whose content is wider than they are. */
const overflowing = (page) =>
  page.evaluate(() => {
    const root = document.documentElement;
    const found = root.scrollWidth > innerWidth ? [`the page: ${root.scrollWidth} px`] : [];
    // These have a scroll bar, or end in an ellipsis.
    const cut = "pre, .prose table, math, input, select, textarea, .visually-hidden, .account-label";
    for (const element of document.body.querySelectorAll("*:not(svg *, math *)")) {
      const { clientWidth, scrollWidth } = element;
      if (clientWidth === 0 || element.closest(cut) !== null || getComputedStyle(element).display === "inline") continue;
      if (scrollWidth > clientWidth + 1) found.push(`${element.tagName}.${element.className}: ${scrollWidth} of ${clientWidth} px`);
    }
    return found;
  });

async function problemsOf(page, what) {
  const found = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 844 });
    for (const problem of await overflowing(page)) found.push(`${what} at ${width} px: ${problem}`);
  }
  return found;
}

const checkWidths = async (page, what) => assert.deepEqual(await problemsOf(page, what), []);

async function checkPages(page, pages) {
  const found = [];
  for (const [path, text] of pages) {
    await page.goto(url(path));
    await page.getByText(text).first().waitFor();
    found.push(...(await problemsOf(page, path)));
  }
  assert.deepEqual(found, []);
}

/** The number of lines of a text. */
const lines = (locator) =>
  locator.evaluate((element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getClientRects().length;
  });

test("a course page with progress fits a phone", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const execute = await user.execute();
    const { chapter } = await execute('{ chapter(slug: "first-graphql-endpoint") { id } }');
    await execute("mutation($id: ID!) { recordProgress(chapterId: $id, percent: 100) { chapter { id } } }", { id: chapter.id });
    const page = await open("/sign-in");
    await signIn(page, user);
    await page.goto(url("/courses/rust-apis"));
    await page.getByRole("link", { name: "Continue: Who is asking?" }).waitFor();
    await checkWidths(page, "the course");
  }));

test("a search field has a distance to the list", () =>
  withBrowser({ viewport: { width: 390, height: 844 } }, async ({ open }) => {
    const page = await open("/courses");
    const card = page.getByRole("list", { name: "Courses" });
    await card.waitFor();
    const [field, list] = [await page.getByRole("searchbox").boundingBox(), await card.boundingBox()];
    const distance = list.y - field.y - field.height;
    assert.ok(distance >= 20, `the distance is ${distance} px`);
  }));

test("long texts: pages of a visitor", () =>
  withBrowser({}, async ({ context, open }) => {
    await lengthen(context);
    const page = await open("/courses");
    await checkPages(page, [
      ["/courses", "chapters"],
      ["/courses/physical-ai", "Chapters"],
      ["/courses/physical-ai/sense-think-act", "Why this version"],
      ["/courses/physical-ai/feedback-control", "Sign in to read it"],
      ["/sign-in", "Demo accounts"],
      ["/sign-up", "At least 8 characters."],
      ["/nowhere", "There is no page"],
    ]);
    await page.goto(url("/courses"));
    for (const [words, text] of [["feedback", "Premium only"], ["V".repeat(200), "Nothing contains"]]) {
      await page.getByRole("searchbox").fill(words);
      await page.getByText(text).first().waitFor();
      await checkWidths(page, `a search for ${words}`);
    }
    await page.goto(url("/sign-in"));
    await page.getByLabel("E-mail address").fill(`${"w".repeat(60)}@example.com`);
    await page.getByLabel("Password").fill("a wrong password");
    await page.locator("form").getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await checkWidths(page, "an error of the sign-in");
  }));

test("long texts: pages of a user", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const execute = await user.execute();
    const input = '{title: "Late", description: "To be long", dueOn: "2026-01-01", priority: URGENT, tags: ["home", "work"], isPublic: true}';
    await execute(`mutation { createTask(input: ${input}) { task { id } } }`);
    await execute('mutation { createTask(input: {title: "Not long"}) { task { id } } }');
    await lengthen(context);
    const page = await open("/sign-in");
    await signIn(page, user);
    await checkPages(page, [
      ["/tasks", "Overdue since"],
      ["/courses", "Next for you"],
      ["/courses/physical-ai", "Start:"],
      ["/courses/physical-ai/sense-think-act", "Mark as read"],
      ["/courses/physical-ai/feedback-control", "Your tier is"],
    ]);
    await page.goto(url("/courses/physical-ai/sense-think-act"));
    await page.getByText("Why this version").click();
    await page.getByRole("button", { name: "Bookmark" }).click();
    await page.getByLabel("Your experience in software").waitFor();
    await checkWidths(page, "the reasons for a text");
    await page.locator(".account-button").click();
    await page.getByRole("dialog").waitFor();
    await checkWidths(page, "the menu");
  }));

test("long texts: dialogs of a task", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const execute = await user.execute();
    const { createTask } = await execute('mutation { createTask(input: {title: "Short"}) { task { id } } }');
    const page = await open("/sign-in");
    await signIn(page, user);
    await page.getByRole("button", { name: "Edit: Short" }).click();
    const dialog = page.getByRole("dialog");
    for (const [label, text] of [["Title", long], ["Description", long], ["Tags", long]]) await dialog.getByLabel(label, { exact: true }).fill(text);
    await checkWidths(page, "the form");
    await dialog.getByLabel("Tags").fill("w".repeat(40));
    const other = { title: "Another title", description: "Short", tags: ["v".repeat(40)] };
    const update = "mutation($id: ID!, $input: UpdateTaskInput!) { updateTask(id: $id, input: $input) { task { id } } }";
    await execute(update, { id: createTask.task.id, input: other });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("dialog", { name: "This task was changed elsewhere" }).waitFor();
    await checkWidths(page, "the conflict");
    // The two values have the same width.
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 844 });
      const [mine, theirs] = await Promise.all((await dialog.getByRole("cell").all()).slice(-2).map((cell) => cell.boundingBox()));
      assert.ok(Math.abs(mine.width - theirs.width) < 2, `${mine.width} and ${theirs.width} px of ${width} px`);
    }
    await page.setViewportSize({ width: 390, height: 844 });
    const labels = dialog.getByRole("rowheader");
    assert.deepEqual(await labels.allTextContents(), ["Title", "Description", "Tags"]);
    for (const label of await labels.all()) assert.equal(await lines(label), 1, `the lines of ${await label.textContent()}`);
  }));

test("long texts: pages of editors and admins", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser({ role: "admin", tier: "premium" });
    const erased = await createUser();
    await (await erased.execute())("{ me { id } }");
    await lengthen(context);
    const page = await open("/sign-in");
    await signIn(page, user);
    await checkPages(page, [
      ["/editor", "Create draft"],
      ["/editor/sense-think-act", "Save text"],
      ["/admin", "Tasks created"],
      ["/admin/users", "Last seen"],
      ["/admin/audit", /^Time$/],
    ]);
    await page.goto(url("/editor/sense-think-act"));
    await page.getByLabel("Text in Markdown").fill(`# ${long}\n\n${long} \`${long}\`\n\n| ${long} | ${long} |\n|---|---|\n| ${long} | ${long} |\n`);
    await page.getByRole("form", { name: "About the chapter" }).getByLabel("Summary").fill(long);
    await page.getByRole("region", { name: "Preview" }).getByRole("table").waitFor();
    await checkWidths(page, "the preview");
    await page.goto(url("/admin/users"));
    await page.getByRole("searchbox").fill(erased.email);
    await page.getByRole("button", { name: /^Erase the data of/ }).last().click();
    await page.getByText("Rows to delete").waitFor();
    await checkWidths(page, "the dialog of a dry run");
    await page.setViewportSize({ width: 390, height: 844 });
    const key = page.getByRole("cell", { name: "idempotency_key", exact: true });
    assert.equal(await lines(key), 1, "the name of a table is broken");
  }));
