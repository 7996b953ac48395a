// The editors can be left by keyboard, and the explorer used by it.

import { check, oneLine } from '../support/checks.mjs';
import { queryEditor, textOf, writeQuery } from '../support/graphiql.mjs';

const isInEditor = (page) => page.evaluate(() => Boolean(document.activeElement.closest('.CodeMirror')));

async function leaveEditor(page) {
  await writeQuery(page, 'query Keys { __typename }', 'Keys');
  await page.keyboard.press('Tab');
  check(await isInEditor(page), 'Tab alone leaves the editor');
  check(/\s$/.test(await textOf(queryEditor(page))), 'Tab does not indent');
  for (const key of ['Tab', 'Shift+Tab']) {
    await queryEditor(page).click();
    await page.keyboard.press('Escape');
    await page.keyboard.press(key);
    check(!(await isInEditor(page)), `Escape, then ${key} does not leave the editor`);
  }
  await queryEditor(page).click();
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Tab');
  check(await isInEditor(page), 'Tab leaves the editor after another key');
}

/** The explorer selects no value of the document when it opens, and shows whole values. */
async function openExplorer(page) {
  await writeQuery(page, 'query Valued { tasks(first: 25, filter: {text: "Water"}) { nodes { id } } }', 'Valued');
  await page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
  const values = page.locator('.graphiql-explorer-root input:not([type=checkbox])');
  await values.first().waitFor();
  await page.waitForFunction(() => document.activeElement.matches('.graphiql-plugin'));
  const cut = await values.evaluateAll((all) => all.filter((it) => it.scrollWidth > it.clientWidth).map(({ value }) => value));
  check(cut.length === 0, `the explorer cuts the values ${cut}`);
  await page.getByRole('button', { name: 'Hide GraphiQL Explorer' }).click();
}

/** Clicks one field of the explorer, and presses keys on another. */
async function explore(page) {
  await writeQuery(page, 'query Explored { __typename }', 'Explored');
  await page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
  const explorer = page.locator('.graphiql-explorer-root');
  await explorer.getByRole('button', { name: 'courses', exact: true }).click();
  await queryEditor(page).filter({ hasText: 'courses' }).waitFor();
  const nodes = explorer.locator('[data-field-name="nodes"][data-field-type="Course"]');
  await nodes.focus();
  await page.keyboard.press('Enter');
  const title = explorer.getByRole('button', { name: 'title', exact: true });
  await title.focus();
  await page.keyboard.press('Space');
  await explorer.getByRole('button', { name: 'title', exact: true, pressed: true }).waitFor();
  const text = oneLine(await textOf(queryEditor(page)));
  check(/courses \{ nodes \{ .*title/.test(text), `the explorer wrote: ${text}`);
}

export async function keyboard(page) {
  await leaveEditor(page);
  await openExplorer(page);
  await explore(page);
}
