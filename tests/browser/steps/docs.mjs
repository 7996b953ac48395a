// The docs show access rules, and what the chosen persona sees.

import { actAs, runFor } from '../support/graphiql.mjs';

const docsOf = (page) => page.locator('.graphiql-doc-explorer');

async function readDocs(page) {
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  const docs = docsOf(page);
  await docs.locator('a.graphiql-doc-explorer-type-name').first().click(); // the query root
  await docs.locator('a.graphiql-doc-explorer-field-name').getByText('tasks', { exact: true }).click();
  await docs.locator('.graphiql-doc-explorer-title').getByText('tasks', { exact: true }).waitFor();
  const rule = docs.locator('.graphiql-markdown-description code').getByText('SIGNED_IN', { exact: true });
  await rule.first().waitFor({ state: 'visible' });
}

/** The docs, open at a field of the query root, are those of the chosen persona. */
async function changeDocs(page) {
  const docs = docsOf(page);
  await docs.locator('.graphiql-doc-explorer-back').click();
  const hidden = docs.locator('a.graphiql-doc-explorer-field-name').getByText('auditEvents', { exact: true });
  for (const [persona, state] of [['admin', 'visible'], ['premium', 'detached']]) {
    await actAs(page, persona);
    await hidden.waitFor({ state });
  }
}

/** The explorer opens at its beginning. */
async function openExplorer(page) {
  await page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
  await page.locator('.graphiql-explorer-root [data-field-name]').first().waitFor();
  await page.waitForFunction(() => document.querySelector('.graphiql-plugin').scrollTop === 0);
}

/** Leaves a picture of the page with the docs at `screenshot`. */
export async function docs(page, screenshot) {
  await actAs(page, 'premium');
  await runFor(page, '"data"');
  await readDocs(page);
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
  await page.screenshot({ path: screenshot, animations: 'disabled', caret: 'hide' });
  await changeDocs(page);
  await openExplorer(page);
}
