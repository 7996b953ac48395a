// `npm run screenshot`: the picture of README.md.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { prepare, root } from "./prepare.mjs";

if (process.env.HALLPASS) process.env.HALLPASS = resolve(process.env.INIT_CWD ?? ".", process.env.HALLPASS);
prepare();
// Only now is everything installed that these modules import.
const { PASSWORD } = await import("./accounts.mjs");
const { launch } = await import("./browser.mjs");
const { startEnvironment } = await import("./environment.mjs");
const { buildNext, freePort } = await import("./servers.mjs");

const titles = ["Order the parts for the line follower", "Write down three questions for the office hour", "Answer the review of the API design"];

async function takePicture(url) {
  const browser = await launch();
  const page = await browser.newPage();
  await page.setViewport({ width: 1100, height: 760 });
  await page.goto(`${url}/sign-in`);
  await page.type('input[name="email"]', "premium@example.com");
  await page.type('input[name="password"]', PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForSelector('[data-status="live"]');
  for (const title of titles) {
    await page.type("form.create input", title);
    await page.keyboard.press("Enter");
    await page.waitForSelector(`[aria-label="Complete: ${title}"]`);
  }
  await page.click(`[aria-label="Complete: ${titles[1]}"]`);
  await page.waitForSelector('.task[data-completed="true"]');
  await page.screenshot({ path: join(root, "screenshots/tasks.png") });
  await browser.close();
}

const directory = mkdtempSync(join(tmpdir(), "hallpass-next-"));
buildNext();
const environment = await startEnvironment({ mode: "start", directory, ports: { api: await freePort(), web: await freePort() } });
try {
  await takePicture(environment.url);
} finally {
  await environment.stop();
  rmSync(directory, { recursive: true });
}
process.exit();
