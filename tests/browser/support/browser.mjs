// Pages of Hallpass in a headless Chromium, each with storage of its own.

import { chromium } from 'playwright-core';

import { check, Failure, oneLine, watch } from './checks.mjs';

// Of one step, also on a machine that other tests keep busy.
export const TIMEOUT_MS = 90_000;
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS, timeout: TIMEOUT_MS });

const reportViolations = () =>
  document.addEventListener('securitypolicyviolation', (event) => {
    console.error(`CSP violation: ${event.effectiveDirective} refuses ${event.blockedURI}`);
  });

async function visit(page, base) {
  page.setDefaultTimeout(TIMEOUT_MS);
  await page.addInitScript(reportViolations);
  const response = await page.goto(new URL('graphql', base).href);
  check(response.ok(), `GET /graphql answered HTTP ${response.status()}`);
  check(response.headers()['content-security-policy'], 'the page comes without a Content-Security-Policy');
  await page.locator('.graphiql-query-editor .CodeMirror').waitFor();
}

/**
 * Runs `use(page)` on the page below `base`. What went wrong on the page says more than the time-out that it led
 * to.
 */
export async function onPage(browser, base, { width = 1280, height = 800, colorScheme = 'light', cookies = [] }, use) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  await context.addCookies(cookies);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  const wrongs = watch(page, base);
  const wrong = () => new Failure(wrongs.map(oneLine).join('; '));
  try {
    await visit(page, base);
    const result = await use(page);
    if (wrongs.length > 0) throw wrong();
    return result;
  } catch (error) {
    throw wrongs.length > 0 ? wrong() : error;
  } finally {
    await context.close();
  }
}

/** The base of the page's paths. It may have a path, if a proxy serves Hallpass below it. */
export const baseOf = (url) => new URL(url.endsWith('/') ? url : `${url}/`);

/** Runs a test program; its result is printed as JSON, and a failure on stderr. */
export async function report(what, run) {
  try {
    console.log(JSON.stringify({ ok: true, ...(await run()) }));
  } catch (error) {
    const text = error instanceof Failure ? error.message : error.message.split('\nCall log')[0];
    console.error(`${what} failed: ${oneLine(text)}`);
    process.exitCode = 1;
  }
}
