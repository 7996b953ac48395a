// On a phone the panes are stacked, and all of them can be used.

import { check } from '../support/checks.mjs';
import { actAs, queryEditor, responsePane, runFor } from '../support/graphiql.mjs';

export async function narrow(page) {
  await actAs(page, 'premium');
  await runFor(page, '"data"');
  const [editor, response] = await Promise.all([queryEditor(page).boundingBox(), responsePane(page).boundingBox()]);
  check(response.y >= editor.y + editor.height, 'the panes are not stacked');
  check(editor.width > 220 && response.width > 330, `the panes are ${editor.width} and ${response.width} px wide`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(overflow <= 0, `the page is ${overflow} px too wide`);
  await page.getByRole('button', { name: 'Explain access' }).click();
  await page.waitForFunction(() => document.activeElement?.closest('[aria-label="Explanation"]'));
  const explained = await page.getByRole('region', { name: 'Explanation' }).boundingBox();
  check(explained.y >= 0 && explained.y < 600, `the explanation is at ${explained.y} px`);
  const why = await page.getByRole('region', { name: 'Explanation' }).locator('tbody td').last().boundingBox();
  check(why.x >= 0 && why.x + why.width <= 390, 'the reasons of Explain are not on the screen');
  await page.getByRole('region', { name: 'Explanation' }).getByRole('button', { name: 'Close' }).click();
  const focused = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  check(focused === 'Explain access', `after Explain, the focus is at ${focused}`);
  await page.locator('#identity summary').click();
  const panel = await page.locator('.hallpass-claims').boundingBox();
  check(panel.x >= 0 && panel.x + panel.width <= 390, 'the panel of the caller is not on the screen');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  const docs = await page.locator('.graphiql-doc-explorer').boundingBox();
  check(docs.width > 300 && docs.height > 250, `the docs are ${docs.width} by ${docs.height} px`);
}
