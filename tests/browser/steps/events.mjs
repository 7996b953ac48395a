// The log of the events of a subscription.

import { check } from '../support/checks.mjs';
import { TIMEOUT_MS } from '../support/browser.mjs';
import { actAs, responsePane, writeQuery } from '../support/graphiql.mjs';

const SUBSCRIPTION = `subscription Live {
  taskEvents {
    sequence
    kind
    taskId
    task {
      title
      version
    }
  }
}`;

/** Creates a task as premium, from the page. */
const createTask = (title) =>
  fetch('dev/personas')
    .then((response) => response.json())
    .then((personas) => {
      const { token } = personas.find(({ name }) => name === 'premium');
      const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` };
      const query = 'mutation ($title: String!) { createTask(input: {title: $title}) { __typename } }';
      return fetch('graphql', { method: 'POST', headers, body: JSON.stringify({ query, variables: { title } }) });
    })
    .then((response) => response.ok);

const log = (page) => page.getByRole('region', { name: 'Events' });
const entries = (page) => log(page).locator('li');

/** Creates tasks until one is received: the subscription starts a little after its response. */
async function receiveFirst(page) {
  const until = Date.now() + TIMEOUT_MS;
  while ((await entries(page).count()) === 0) {
    check(Date.now() < until, 'the log shows no event');
    check(await page.evaluate(createTask, 'First'), 'a task cannot be created from the page');
  }
}

async function receiveMore(page) {
  for (const title of ['Second', 'Third']) {
    check(await page.evaluate(createTask, title), 'a task cannot be created from the page');
    await entries(page).first().filter({ hasText: title }).waitFor();
  }
  const texts = await entries(page).allInnerTexts();
  check(/Third/.test(texts[0]) && /Second/.test(texts[1]), `the newest event is not first: ${texts.slice(0, 2)}`);
  check(/First/.test(texts.at(-1)), 'the first event is not in the log any more');
  await log(page).getByText(`${texts.length} received · listening`).waitFor();
  await responsePane(page).filter({ hasText: 'Third' }).waitFor();
  await entries(page).first().locator('summary').click();
  await entries(page).first().locator('pre').filter({ hasText: '"Third"' }).waitFor();
}

async function stop(page) {
  await page.getByRole('button', { name: 'Stop query' }).click();
  await page.getByRole('button', { name: 'Execute query' }).waitFor();
  await page.locator('#status').getByText('Stopped', { exact: true }).waitFor();
  check((await log(page).getByText(/listening/).count()) === 0, 'the log is still listening after the stop');
  await log(page).getByRole('button', { name: 'Clear' }).click();
  check((await entries(page).count()) === 0, 'cleared events are still shown');
}

/** Another identity ends the subscription of the one before, and sees none of its events. */
async function switchPersona(page) {
  await page.getByRole('button', { name: 'Execute query' }).click();
  await page.locator('#status').getByText('Listening', { exact: true }).waitFor();
  await receiveFirst(page);
  await actAs(page, 'free');
  await page.locator('#status').getByText('Stopped', { exact: true }).waitFor();
  check((await entries(page).count()) === 0, 'the events of the persona before are shown');
}

const widthOf = async (page) => (await page.locator('.graphiql-response').boundingBox()).width;

/** The response keeps its width when events are shown, whose lines are long. */
async function checkWidth(page, before) {
  const after = await widthOf(page);
  check(Math.abs(after - before) < 2, `the response was ${before} px wide, and is ${after} px wide with events`);
}

export async function events(page) {
  await actAs(page, 'premium');
  await writeQuery(page, SUBSCRIPTION, 'taskEvents');
  await page.getByRole('button', { name: 'Execute query' }).click();
  await page.locator('#status').getByText('Listening', { exact: true }).waitFor();
  const width = await widthOf(page);
  await receiveFirst(page);
  await checkWidth(page, width);
  await receiveMore(page);
  await stop(page);
  await switchPersona(page);
}
