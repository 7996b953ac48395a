// Drives the GraphiQL page of a Hallpass in production (with INTROSPECTION=true) as the user of a session of
// Better Auth, in a headless Chromium.
//
//   COOKIE='name=value; …' TOKEN=… node session.mjs <base url>
//
// COOKIE is the `Cookie` header of the user's browser, and TOKEN a JWT of the same user, whose name is Carla.
// Prints {"ok":true} and exits 0, or says on stderr what is wrong and exits 1.

import { baseOf, launch, onPage, report } from './support/browser.mjs';
import { check } from './support/checks.mjs';
import { runFor, who } from './support/graphiql.mjs';

const cookiesOf = (header, base) =>
  header.split('; ').map((pair) => {
    const at = pair.indexOf('=');
    return { name: pair.slice(0, at), value: pair.slice(at + 1), url: base.origin };
  });

const state = (page, name) => page.locator(`#who[data-state="${name}"]`).waitFor();

async function paste(page, token) {
  await page.getByLabel('Bearer token').fill(token);
  await page.getByLabel('Bearer token').press('Enter');
}

/** Collects each text that the page shows as the caller. */
function recordCallers() {
  globalThis.callers = [];
  document.addEventListener('DOMContentLoaded', () => {
    const record = () => globalThis.callers.push(document.getElementById('who').textContent);
    new MutationObserver(record).observe(document.getElementById('who'), { childList: true, characterData: true, subtree: true });
  });
}

async function byCookie(page) {
  await page.addInitScript(recordCallers);
  await page.reload();
  await state(page, 'signed-in');
  check(/^Carla · /.test(await who(page).innerText()), `the page shows ${await who(page).innerText()}`);
  check(!/signed in/.test((await page.evaluate(() => globalThis.callers)).join()), 'the page shows a guest at first');
  await page.locator('#identity summary').click();
  const claims = await page.locator('#claims').innerText();
  check(/session cookie/.test(claims), `the panel does not name the session cookie: ${claims}`);
  await page.keyboard.press('Escape');
  const answer = await runFor(page, '"data"');
  check(!answer.errors && answer.data.viewer.name === 'Carla', `the example returns ${JSON.stringify(answer)}`);
}

async function copyCurl(page) {
  await page.getByRole('button', { name: 'Copy as code' }).click();
  await page.getByRole('menuitem', { name: 'Copy as curl' }).click();
  await page.locator('#status').getByText('Copied as curl').waitFor();
  const code = await page.evaluate(() => navigator.clipboard.readText());
  check(code.includes('"Cookie: ${COOKIE:?}"') && !code.includes('session_token'), `curl code: ${code}`);
}

/** The session ends in another tab: the page asks again when it is shown. */
async function signOut(page) {
  await page.context().clearCookies();
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await state(page, 'anonymous');
}

async function byToken(page, token) {
  await paste(page, token);
  await state(page, 'signed-in');
  check(/^Carla · /.test(await who(page).innerText()), `with a token, the page shows ${await who(page).innerText()}`);
  await paste(page, 'nonsense');
  await state(page, 'unknown');
  await paste(page, '');
  await state(page, 'anonymous');
}

await report('The GraphiQL page with a session', async () => {
  const { COOKIE, TOKEN } = process.env;
  const [url] = process.argv.slice(2);
  check(url && COOKIE && TOKEN, 'usage: COOKIE=… TOKEN=… node session.mjs <base url>');
  const base = baseOf(url);
  const browser = await launch();
  try {
    await onPage(browser, base, { cookies: cookiesOf(COOKIE, base) }, async (page) => {
      await byCookie(page);
      await copyCurl(page);
      await signOut(page);
      await byToken(page, TOKEN);
    });
    return {};
  } finally {
    await browser.close();
  }
});
