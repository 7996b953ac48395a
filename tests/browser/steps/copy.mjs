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

const tokenOf = (page, persona) =>
  page.evaluate(async (name) => (await (await fetch('dev/personas')).json()).find((it) => it.name === name).token, persona);

function checkResult(form, { data, errors }) {
  check(!errors && data.viewer.name === 'Priya' && data.tasks.nodes.length > 0, `the ${form} code returns ${JSON.stringify({ data, errors })}`);
}

/** Runs copied code of `fetch` with a token. */
async function runFetch(code, token) {
  const AsyncFunction = (async () => {}).constructor;
  return new AsyncFunction('token', `${code}\nreturn { data, errors };`)(token);
}

function runCurl(code, token) {
  check(code.includes('hallpass token --as premium'), `the code does not say where a token is from: ${oneLine(code)}`);
  const command = code.split('\n').filter((line) => !line.startsWith('TOKEN=')).join('\n');
  return JSON.parse(execFileSync('bash', ['-c', command], { env: { ...process.env, TOKEN: token }, stdio: ['ignore', 'pipe', 'ignore'] }));
}

export async function copy(page) {
  await actAs(page, 'premium');
  await writeQuery(page, QUERY, 'tasks');
  const token = await tokenOf(page, 'premium');
  const forms = {};
  for (const form of ['fetch', 'curl', 'client code']) {
    forms[form] = await copyAs(page, form);
    check(!/eyJ/.test(forms[form]), `a token is copied as ${form}`);
  }
  checkResult('fetch', await runFetch(forms.fetch, token));
  checkResult('curl', runCurl(forms.curl, token));
  const code = forms['client code'];
  check(/from "@hallpass\/client"/.test(code) && /const Mine = graphql\(`/.test(code), `client code: ${oneLine(code)}`);
}
