// axe finds nothing serious, in light and dark, on a screen and on a phone.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { check, oneLine } from '../support/checks.mjs';
import { actAs, runFor } from '../support/graphiql.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function audit(page, state) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run();
    const isSerious = ({ impact }) => impact === 'serious' || impact === 'critical';
    return violations.filter(isSerious).map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`);
  });
  check(found.length === 0, `axe finds, ${state}: ${oneLine(found.join('; '))}`);
}

export async function axe(page) {
  await actAs(page, 'premium');
  await runFor(page, '"data"');
  await page.locator('#identity summary').click();
  await audit(page, 'with an answer and the panel of the caller');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Explain access' }).click();
  await page.getByRole('region', { name: 'Explanation' }).locator('tbody').waitFor();
  for (const plugin of ['Documentation Explorer', 'GraphiQL Explorer']) {
    await page.getByRole('button', { name: `Show ${plugin}` }).click();
    await page.locator('.graphiql-plugin').getByText(/Explorer|Docs/).first().waitFor();
    await audit(page, `with ${plugin}`);
  }
}
