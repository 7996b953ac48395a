// The operation as code: what is copied works, and has no credential in it.

import { execFileSync } from 'node:child_process';

import { check, oneLine } from '../support/checks.mjs';
import { actAs, writeQuery } from '../support/graphiql.mjs';

const QUERY = `query Mine($first: Int = 2) {
  viewer {
    name # it's the caller
  }
  tasks(first: $first) {
    nodes {
      title
    }
  }
}`;

async function copyAs(page, form) {
  await page.getByRole('button', { name: 'Copy as code' }).click();
  await page.getByRole('menuitem', { name: `Copy as ${form}` }).click();
  await page.locator('#status').getByText(`Copied as ${form}`).waitFor();
  return page.evaluate(() => navigator.clipboard.readText());
}

function checkResult(form, { data, errors }) {
  check(!errors && data.viewer.name === 'Priya' && data.tasks.nodes.length > 0, `the ${form} code returns ${JSON.stringify({ data, errors })}`);
}

/** Runs copied code of `fetch`, as it is. */
async function runFetch(code) {
  const AsyncFunction = (async () => {}).constructor;
  return new AsyncFunction(`${code}\nreturn { data, errors };`)();
}

const shell = (code) => execFileSync('sh', ['-c', code], { encoding: 'utf8', cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });

/** Runs copied code of `curl`, as it is: in any directory. Without a token, it sends nothing. */
function runCurl(code) {
  const withoutToken = code.split('\n').filter((line) => !line.startsWith('TOKEN=')).join('\n');
  let refused = '';
  try {
    shell(`unset TOKEN\n${withoutToken}`);
  } catch (error) {
    refused = error.stderr;
  }
  check(/TOKEN/.test(refused), `curl runs without a token: ${oneLine(code)}`);
  return JSON.parse(shell(code));
}

/** What was copied is said for a moment. */
const noteEnds = (page) => page.waitForFunction(() => document.getElementById('status').textContent === '');

/** Secrets of the headers editor are names of variables too. */
async function copyHeaders(page) {
  const headers = '{"X-Api-Key": "hush-1", "X-Trace": "Basic hush2", "X-Request-Id": "abc"}';
  const editor = page.locator('.graphiql-editor-tool > :nth-child(2) .CodeMirror');
  await editor.evaluate((element, text) => element.CodeMirror.setValue(text), headers);
  for (const form of ['fetch', 'curl']) {
    const code = await copyAs(page, form);
    check(!/hush/.test(code), `a secret header is copied as ${form}`);
    check(/X_API_KEY/.test(code) && /abc/.test(code), `the headers are not copied as ${form}: ${oneLine(code)}`);
  }
}

/** Where the browser does not allow to copy, the code is shown. */
async function showInstead(page) {
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error('refused'));
  });
  await page.getByRole('button', { name: 'Copy as code' }).click();
  await page.getByRole('menuitem', { name: 'Copy as curl' }).click();
  const shown = page.getByRole('region', { name: 'Code' });
  check(/^TOKEN=/.test(await shown.getByRole('textbox').inputValue()), 'the code that cannot be copied is not shown');
  await shown.getByRole('button', { name: 'Close' }).click();
  await shown.waitFor({ state: 'detached' });
}

export async function copy(page) {
  await actAs(page, 'premium');
  await writeQuery(page, QUERY, 'tasks');
  const forms = {};
  for (const form of ['fetch', 'curl', 'client code']) {
    forms[form] = await copyAs(page, form);
    check(!/eyJ/.test(forms[form]), `a token is copied as ${form}`);
  }
  checkResult('fetch', await runFetch(forms.fetch));
  checkResult('curl', runCurl(forms.curl));
  const code = forms['client code'];
  check(/from "@hallpass\/client"/.test(code) && /const Mine = graphql\(`/.test(code), `client code: ${oneLine(code)}`);
  await noteEnds(page);
  await copyHeaders(page);
  await showInstead(page);
}
