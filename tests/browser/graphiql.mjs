// Drives the GraphiQL page of a running Hallpass (in development mode: it needs the personas)
// in a headless Chromium.
//
//   node graphiql.mjs <base url> <screenshot path>
//
// The base URL may have a path, if a proxy serves Hallpass below it.
//
// Prints {"ok":true,"answer":<premium's answer>} and exits 0, or says on stderr what is wrong
// and exits 1. CHROMIUM names another browser than /usr/bin/chromium.

import { chromium } from 'playwright-core';

const QUERY = `query BrowserTest {
  tasks(first: 3) {
    nodes {
      id
      title
      priority
      completed
    }
  }
}`;

// Of the same name: the page runs the operation that it last knew the name of.
const SUBSCRIPTION = `subscription BrowserTest {
  taskEvents {
    kind
  }
}`;

const TIMEOUT_MS = 30_000;
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

class Failure extends Error {}

function check(condition, message) {
  if (!condition) throw new Failure(message);
}

const oneLine = (text) => String(text).replace(/\s+/g, ' ').trim();

/** Collects all that must not happen on the page. */
function watch(page, base) {
  const wrongs = [];
  const graphql = new URL('graphql', base).href;
  const foreign = (url) => /^(https?|wss?):/.test(url) && new URL(url).host !== base.host;
  page.on('pageerror', (error) => wrongs.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    // Chromium itself logs a refused request; a guest's refusal may well have status 401.
    const { url } = message.location();
    const refused = /^Failed to load resource: .*\b401\b/.test(message.text());
    if (refused && url === graphql) return;
    wrongs.push(`console error: ${message.text()} (${url})`);
  });
  page.on('request', (request) => {
    if (foreign(request.url())) wrongs.push(`request to another host: ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (foreign(socket.url())) wrongs.push(`socket to another host: ${socket.url()}`);
  });
  return wrongs;
}

/** Reads the whole text of a CodeMirror, also the lines that it does not draw. */
const textOf = (editor) => editor.evaluate((element) => element.CodeMirror.getValue());

async function writeQuery(page, query, field) {
  const editor = page.locator('.graphiql-query-editor .CodeMirror');
  await editor.click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText(query);
  await editor.getByText(field).waitFor();
  const text = await textOf(editor);
  check(text === query, `the query editor holds something else than was typed: ${oneLine(text)}`);
}

/** Runs the query as a persona; the answer, once the answer pane shows `expected`. */
async function runAs(page, base, persona, expected) {
  const graphql = new URL('graphql', base).href;
  await page.getByLabel('Act as').selectOption(persona);
  const [request] = await Promise.all([
    page.waitForRequest((r) => r.method() === 'POST' && r.url() === graphql),
    page.getByRole('button', { name: 'Execute query' }).click(),
  ]);
  const authorization = await request.headerValue('authorization');
  if (persona === 'guest') check(!authorization, 'a guest’s request carries an Authorization header');
  else check(/^Bearer \S+$/.test(authorization ?? ''), `${persona}’s request carries no bearer token`);

  const pane = page.locator('.result-window .CodeMirror');
  try {
    await pane.filter({ hasText: expected }).waitFor();
  } catch {
    throw new Failure(`as ${persona}, the answer pane shows no ${expected} but: ${oneLine(await textOf(pane))}`);
  }
  return JSON.parse(await textOf(pane));
}

async function readDocs(page) {
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  const docs = page.locator('.graphiql-doc-explorer');
  await docs.locator('a.graphiql-doc-explorer-type-name').first().click(); // the query root
  await docs.locator('a.graphiql-doc-explorer-field-name').getByText('tasks', { exact: true }).click();
  await docs.locator('.graphiql-doc-explorer-title').getByText('tasks', { exact: true }).waitFor();
  const rule = docs.locator('.graphiql-markdown-description code').getByText('SIGNED_IN', { exact: true });
  await rule.first().waitFor({ state: 'visible' });
}

/** The docs, open at a field of the query root, are those of the chosen persona. */
async function changeDocs(page) {
  const docs = page.locator('.graphiql-doc-explorer');
  await docs.locator('.graphiql-doc-explorer-back').click();
  const hidden = docs.locator('a.graphiql-doc-explorer-field-name').getByText('auditEvents', { exact: true });
  for (const [persona, state] of [['admin', 'visible'], ['premium', 'detached']]) {
    await page.getByLabel('Act as').selectOption(persona);
    await hidden.waitFor({ state });
  }
}

/** Makes a task as premium, from the page. */
const makeTask = () =>
  fetch('dev/personas')
    .then((response) => response.json())
    .then((personas) => {
      const { token } = personas.find(({ name }) => name === 'premium');
      const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` };
      const body = JSON.stringify({ query: 'mutation { createTask(input: {title: "Live"}) { task { id } } }' });
      return fetch('graphql', { method: 'POST', headers, body });
    })
    .then((response) => response.ok);

/** Subscribes, receives the event of a task created meanwhile, and stops. */
async function receiveEvents(page) {
  await writeQuery(page, SUBSCRIPTION, 'taskEvents');
  await page.getByRole('button', { name: 'Execute query' }).click();
  await page.getByText('Subscribed', { exact: true }).waitFor();
  const received = page.locator('.result-window .CodeMirror').filter({ hasText: 'CREATED' });
  const until = Date.now() + TIMEOUT_MS;
  while ((await received.count()) === 0) {
    check(Date.now() < until, 'the response pane shows no event');
    check(await page.evaluate(makeTask), 'a task cannot be made from the page');
  }
  await page.getByRole('button', { name: 'Stop query' }).click();
  await page.getByRole('button', { name: 'Execute query' }).waitFor();
}

async function drive(page, base, screenshot, wrongs) {
  const response = await page.goto(new URL('graphql', base).href);
  check(response.ok(), `GET /graphql answered HTTP ${response.status()}`);
  check(response.headers()['content-security-policy'], 'the page comes without a Content-Security-Policy');
  await page.getByLabel('Act as').waitFor();
  await page.locator('.graphiql-query-editor .CodeMirror').waitFor();

  await writeQuery(page, QUERY, 'priority');
  const refusal = await runAs(page, base, 'guest', 'UNAUTHENTICATED');
  check(refusal.errors?.length > 0, 'a guest’s answer has no errors');
  const answer = await runAs(page, base, 'premium', '"nodes"');
  check(!answer.errors, `premium’s answer has errors: ${oneLine(JSON.stringify(answer.errors))}`);
  check(Array.isArray(answer.data?.tasks?.nodes), 'premium’s answer holds no tasks');
  await readDocs(page);

  await page.evaluate(() => document.fonts.ready.then(() => undefined));
  await page.screenshot({ path: screenshot, animations: 'disabled', caret: 'hide' });
  await changeDocs(page);
  await receiveEvents(page);
  check(wrongs.length === 0, wrongs.map(oneLine).join('; '));
  return answer;
}

async function main([baseUrl, screenshot]) {
  check(baseUrl && screenshot, 'usage: node graphiql.mjs <base url> <screenshot path>');
  const base = new URL(baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: FLAGS,
    timeout: TIMEOUT_MS,
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(TIMEOUT_MS);
    const wrongs = watch(page, base);
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`CSP violation: ${event.effectiveDirective} refuses ${event.blockedURI}`);
      });
    });
    try {
      return await drive(page, base, screenshot, wrongs);
    } catch (error) {
      // What went wrong on the page says more than the time-out that it led to.
      throw wrongs.length > 0 ? new Failure(wrongs.map(oneLine).join('; ')) : error;
    }
  } finally {
    await browser.close();
  }
}

try {
  const answer = await main(process.argv.slice(2));
  console.log(JSON.stringify({ ok: true, answer }));
} catch (error) {
  const text = error instanceof Failure ? error.message : error.message.split('\nCall log')[0];
  console.error(`The GraphiQL page failed: ${oneLine(text)}`);
  process.exitCode = 1;
}
