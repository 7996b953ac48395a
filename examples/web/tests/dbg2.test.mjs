import { test } from "node:test";
import { createUser, signIn, signOut, heading, url, withBrowser } from "./support.mjs";
for (let i = 0; i < 14; i += 1) test("dbg" + i, () => withBrowser({}, async ({ context, open }) => {
  if (i % 2) await context.addInitScript(() => localStorage.setItem("credential", "jwt"));
  context.setDefaultTimeout(10000);
  const user = await createUser();
  const page = await open("/sign-in");
  const other = await open("/tasks");
  const log = [];
  for (const [n, p] of [["1", page], ["2", other]]) { p.on("response", (r) => log.push(`${Date.now() % 100000} ${n} ${r.status()} ${r.request().method()} ${r.url().slice(-30)} ${(r.request().postData() ?? "").slice(0, 60)}`)); p.on("requestfailed", (r) => log.push(`${Date.now() % 100000} ${n} FAILED ${r.url().slice(-30)}`)); p.on("framenavigated", (f) => log.push(`${Date.now() % 100000} ${n} NAV ${f.url()}`)); }
  try { await signIn(page, user); await signOut(page, user); await signIn(page, await createUser()); } catch (e) { console.log("FAILURE", i, log.join("\n"), (await page.content()).slice(-2500)); throw e; }
}));
