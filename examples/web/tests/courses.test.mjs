import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, createUser, heading, sentOperations, signIn, subscription, until, url, withBrowser } from "./support.mjs";

const premium = "/courses/physical-ai/feedback-control";

test("an anonymous visitor reads free chapters, and sees the paywall of others", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/courses");
    await page.getByRole("link", { name: "Physical AI" }).click();
    await page.getByRole("link", { name: "The loop: sense, think, act" }).click();
    await page.getByText("Pour yourself a glass of water").waitFor();
    assert.equal(await page.getByRole("button", { name: "Mark as read" }).count(), 0);
    await page.getByRole("link", { name: /^Next/ }).click();
    await heading(page, "Sensors tell the truth, roughly").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1");
    await page.getByRole("link", { name: /^Next/ }).click();
    const paywall = page.getByRole("region", { name: "Premium members can read this chapter." });
    await paywall.waitFor();
    assert.equal(await paywall.locator(".paywall-tier").textContent(), "premium");
    assert.equal(await paywall.getByRole("link", { name: "Sign in" }).count(), 1);
    assert.equal(await page.locator("article").count(), 0);
    await page.getByRole("link", { name: /^Previous/ }).click();
    await heading(page, "Sensors tell the truth, roughly").waitFor();
  }));

test("the search finds courses and chapters", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/courses");
    await page.getByRole("searchbox").fill("FEEDBACK control");
    await page.getByRole("link", { name: "Staying on course: feedback control" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "A first GraphQL endpoint" }).count(), 0);
    await page.getByRole("searchbox").fill("no such words");
    await page.getByText("Nothing contains").waitFor();
  }));

test("tiers: free sees the paywall, premium the text", async () => {
  await withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser({ tier: "free" }));
    await page.goto(url(premium));
    await page.getByText("Your tier is free.").waitFor();
  });
  await withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser({ tier: "premium" }));
    await page.goto(url(premium));
    await page.locator("article").waitFor();
    assert.equal(await page.locator(".paywall").count(), 0);
  });
});

test("progress in two tabs, bookmark, and the text for one's experience", () =>
  withBrowser({}, async ({ open }) => {
    const first = await open("/sign-in");
    await signIn(first, await createUser());
    const path = "/courses/physical-ai/sense-think-act";
    await first.goto(url(path));
    const second = await open(path);
    for (const page of [first, second]) await page.getByText("0 %").waitFor();
    await subscription(second);
    await first.bringToFront();
    await first.getByRole("button", { name: "Mark as read" }).click();
    for (const page of [first, second]) await page.getByText("100 %").waitFor();
    await second.getByRole("button", { name: "Start again" }).waitFor();

    const bookmarked = answer(first, "BookmarkChapter");
    await first.getByRole("button", { name: "Bookmark", exact: true }).click();
    await first.getByRole("button", { name: "Bookmarked", pressed: true }).waitFor();
    await bookmarked;
    await first.goto(url("/courses/physical-ai"));
    const item = first.getByRole("listitem").filter({ hasText: "The loop: sense, think, act" });
    await item.getByText("Bookmark").waitFor();
    await item.getByText("Read", { exact: true }).waitFor();

    await first.goto(url(path));
    const before = await first.locator("article").textContent();
    await first.getByText("Why this version").click();
    await first.getByLabel("Your experience in software").selectOption("ADVANCED");
    await until("another text", async () => (await first.locator("article").textContent()) !== before);
  }));

test("a changed experience changes the texts that were read before", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/sign-in");
    await signIn(page, await createUser());
    await page.goto(url("/courses/physical-ai/sense-think-act"));
    const text = page.locator("article");
    const before = await text.textContent();
    await page.getByRole("link", { name: /^Next/ }).click();
    await heading(page, "Sensors tell the truth, roughly").waitFor();
    await page.getByText("Why this version").click();
    const changed = answer(page, "UpdateLearnerProfile");
    await page.getByLabel("Your experience in software").selectOption("ADVANCED");
    await changed;
    await page.getByRole("link", { name: /^Previous/ }).click();
    await heading(page, "The loop: sense, think, act").waitFor();
    await text.waitFor();
    assert.notEqual(await text.textContent(), before);
  }));

test("a course has the reader's progress, and goes on with the next chapter", () =>
  withBrowser({}, async ({ open }) => {
    const page = await open("/courses/physical-ai");
    await page.getByRole("list", { name: "Chapters" }).waitFor();
    assert.equal(await page.getByRole("region", { name: "Your progress" }).count(), 0);
    await signIn(page, await createUser());
    await page.goto(url("/courses"));
    const card = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: "Physical AI" }) });
    const chapters = await card.getByText(/^\d+ chapters$/).textContent();
    await card.getByText("0 %").waitFor();
    await page.getByRole("link", { name: "Physical AI" }).click();
    const progress = page.getByRole("region", { name: "Your progress" });
    await progress.getByText(`0 of ${chapters} read`).waitFor();
    await progress.getByRole("link", { name: "Start: The loop: sense, think, act" }).click();
    await page.getByRole("button", { name: "Mark as read" }).click();
    await page.getByText("100 %").waitFor();
    await page.getByRole("link", { name: "Physical AI" }).click();
    await progress.getByText(`1 of ${chapters} read`).waitFor();
    await progress.getByRole("link", { name: "Continue: Sensors tell the truth, roughly" }).click();
    await heading(page, "Sensors tell the truth, roughly").waitFor();
    await page.getByRole("link", { name: /^Previous/ }).click();
    await heading(page, "The loop: sense, think, act").waitFor();
  }));

test("progress that is made in another tab is shown on the pages of the courses", () =>
  withBrowser({}, async ({ open }) => {
    const user = await createUser();
    const first = await open("/sign-in");
    await signIn(first, user);
    await first.goto(url("/courses/physical-ai"));
    const progress = first.getByRole("region", { name: "Your progress" });
    await progress.getByText(/^0 of/).waitFor();
    const courses = await open("/courses");
    const card = courses.getByRole("listitem").filter({ has: courses.getByRole("link", { name: "Physical AI" }) });
    await card.getByText("0 %").waitFor();
    const next = courses.getByRole("region", { name: "Next for you" }).getByRole("listitem");
    await next.filter({ hasText: "The loop: sense, think, act" }).waitFor();
    await subscription(first, 2); // the tasks of the first page, and the progress
    await subscription(courses);
    const reader = await open("/courses/physical-ai/sense-think-act");
    await reader.getByRole("button", { name: "Mark as read" }).click();
    await progress.getByText(/^1 of/).waitFor();
    await card.getByText("0 %").waitFor({ state: "detached" });
    await next.filter({ hasText: "The loop: sense, think, act" }).waitFor({ state: "detached" });
  }));

test("a failure to load is shown, and can be repeated", () =>
  withBrowser({}, async ({ context, open }) => {
    const errors = [{ message: "Something failed.", extensions: { code: "INTERNAL" } }];
    await context.route("**/graphql", (route, request) =>
      request.postData()?.includes("query Courses") ? route.fulfill({ status: 500, json: { errors } }) : route.continue(),
    );
    const page = await open("/courses");
    await page.getByRole("alert").getByText("This could not be loaded").waitFor();
    await context.unroute("**/graphql");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("link", { name: "Physical AI" }).waitFor();
  }));

test("an error is shown above what was loaded before", () =>
  withBrowser({}, async ({ context, open }) => {
    const page = await open("/courses");
    const course = page.getByRole("link", { name: "Physical AI" });
    await course.click();
    await page.getByRole("list", { name: "Chapters" }).waitFor();
    await context.route("**/graphql", (route) => route.abort());
    await page.getByRole("link", { name: "Courses", exact: true }).click();
    await page.getByRole("alert").getByText("No connection").waitFor();
    assert.equal(await course.count(), 1);
    await context.unroute("**/graphql");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("alert").waitFor({ state: "detached" });
  }));

for (const path of ["/courses", "/courses/physical-ai"]) {
  test(`${path} recovers by itself, if the API is down while the page loads`, () =>
    withBrowser({}, async ({ context, open }) => {
      await context.route("**/graphql", (route) => route.abort());
      const page = await open(path);
      await page.getByRole("alert").getByText("No connection").waitFor();
      await context.unroute("**/graphql");
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.getByRole("link", { name: /Physical AI|The loop/ }).first().waitFor();
    }));
}

test("a page that was opened offline is loaded when the browser is online again", () =>
  withBrowser({}, async ({ context, open }) => {
    const page = await open("/courses");
    const link = page.getByRole("link", { name: "Physical AI" });
    await link.waitFor();
    await context.setOffline(true);
    await link.click();
    await page.getByRole("alert").getByText("No connection").waitFor();
    await context.setOffline(false);
    await page.getByRole("list", { name: "Chapters" }).waitFor();
    const again = answer(page, "Course");
    await context.setOffline(true);
    await context.setOffline(false);
    await again;
  }));

test("what is displayed is queried once when the browser is online again", () =>
  withBrowser({}, async ({ context, open }) => {
    const user = await createUser();
    const page = await open("/sign-in");
    await page.clock.install();
    await signIn(page, user);
    await subscription(page);
    await page.goto(url("/courses"));
    await page.getByRole("link", { name: "Physical AI" }).waitFor();
    await subscription(page, 2);
    await page.clock.fastForward(2000);
    const counts = [];
    // A connection that takes long is rightly followed by one more query: then it is tried again.
    while (counts.length < 3 && counts.at(-1) !== 1) {
      const sent = sentOperations(page);
      await context.setOffline(true);
      await page.getByText("You are offline.").waitFor();
      await context.setOffline(false);
      await subscription(page, 3 + counts.length);
      await until("a query", () => sent.includes("Courses"));
      await page.clock.fastForward(2000);
      // All that was due was sent before this answer.
      const checked = page.waitForResponse((response) => response.url().includes("/get-session"));
      await page.evaluate(() => dispatchEvent(new Event("focus")));
      await checked;
      counts.push(sent.filter((name) => name === "Courses").length);
    }
    assert.equal(counts.at(-1), 1, `queries after each connection: ${counts}`);
  }));
