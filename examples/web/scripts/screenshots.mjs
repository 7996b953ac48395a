// `npm run screenshots`: the pictures of README.md.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { prepare, root } from "./prepare.mjs";

if (process.env.HALLPASS) process.env.HALLPASS = resolve(process.env.INIT_CWD ?? ".", process.env.HALLPASS);
prepare();
// Only now is everything installed that these modules import.
const { launch } = await import("./browser.mjs");
const { startPage } = await import("./page.mjs");
const { executorFor, PASSWORD } = await import("./seed.mjs");

const EMAIL = "premium@example.com";
const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
const tasks = [
  { title: "Read the chapter about sensors", priority: "LOW", done: true },
  { title: "Order the parts for the line follower", priority: "URGENT", dueOn: day(-3), tags: ["robot"] },
  { title: "Write down three questions for the office hour", dueOn: day(5), isPublic: true },
  { title: "Answer the review of the API design", priority: "HIGH", dueOn: day(1), tags: ["work", "api"] },
];

async function createTasks(execute) {
  for (const { done, ...input } of tasks) {
    const create = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }";
    const { createTask } = await execute(create, { input });
    if (done) await execute("mutation($id: ID!) { completeTask(id: $id) { task { id } } }", { id: createTask.task.id });
  }
}

async function takePictures(env) {
  const execute = await executorFor({ authUrl: env.AUTH_URL, apiUrl: env.API_URL, origin: env.PAGE_URL }, EMAIL);
  await createTasks(execute);
  const browser = await launch();
  const context = await browser.newContext({ locale: "en", viewport: { width: 1100, height: 740 } });
  const page = await context.newPage();
  await page.goto(`${env.PAGE_URL}/sign-in`);
  await page.getByLabel("E-mail address").fill(EMAIL);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.locator("form").getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Overdue since").waitFor();
  await page.screenshot({ path: join(root, "screenshots/desktop.png") });

  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(`${env.PAGE_URL}/courses/physical-ai/learning-to-act`);
  await page.getByRole("link", { name: /^Previous/ }).waitFor();
  await page.screenshot({ path: join(root, "screenshots/phone.png") });
  await browser.close();
}

const directory = mkdtempSync(join(tmpdir(), "hallpass-web-"));
const page = await startPage(directory);
try {
  await takePictures(page.env);
} finally {
  await page.stop();
  rmSync(directory, { recursive: true });
}
process.exit();
