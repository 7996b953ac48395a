// The example of each persona runs without an error at the first press.

import { check, oneLine } from '../support/checks.mjs';
import { actAs, queryEditor, responsePane, runFor, textOf, writeQuery } from '../support/graphiql.mjs';

const showExample = (page) => page.getByRole('button', { name: 'Show the example query' }).click();

async function runExample(page, persona) {
  await actAs(page, persona);
  check((await textOf(responsePane(page))) === '', `the response of the persona before ${persona} is shown`);
  const answer = await runFor(page, '"data"');
  check(!answer.errors, `the example of ${persona} has errors: ${oneLine(JSON.stringify(answer.errors))}`);
  return oneLine(await textOf(queryEditor(page)));
}

/** The example that GraphiQL stored is not run as another persona, the first one of a new session. */
async function startAgain(page) {
  await actAs(page, 'admin');
  await page.waitForTimeout(1000); // GraphiQL stores its tabs a little later
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await page.locator('#who[data-state="anonymous"]').waitFor();
  const answer = await runFor(page, '"data"');
  check(!answer.errors, `the first run in a new session has errors: ${oneLine(JSON.stringify(answer.errors))}`);
}

/** An example replaces another one, and never what the user wrote. */
async function keepEdited(page) {
  const edited = 'query Edited { __typename }';
  await writeQuery(page, edited, 'Edited');
  await actAs(page, 'admin');
  check((await textOf(queryEditor(page))) === edited, 'choosing a persona replaces what the user wrote');
  await showExample(page);
  await page.getByRole('button', { name: 'Edited', exact: true }).waitFor(); // its tab
  const shown = await textOf(queryEditor(page));
  check(shown !== edited && /query \w+/.test(shown), `no example is shown but: ${oneLine(shown)}`);
}

export async function examples(page) {
  const names = await page.getByLabel('Act as').locator('option').allInnerTexts();
  const texts = new Set();
  for (const persona of names) texts.add(await runExample(page, persona));
  check(texts.size === names.length, `${names.length} personas have ${texts.size} different examples`);
  await startAgain(page);
  await keepEdited(page);
}
