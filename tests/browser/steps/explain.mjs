// Explain shows why fields are allowed or denied; errors in development point at it.

import { check } from '../support/checks.mjs';
import { actAs, runFor, writeQuery } from '../support/graphiql.mjs';

const DOCUMENT = `query Explained {
  courses { nodes { title } }
  tasks { nodes { id } }
  analytics { revenue }
  misspelled
}`;

const DECISIONS = { courses: 'allowed', tasks: 'denied', analytics: 'hidden', misspelled: 'unknown' };

async function decisions(page) {
  const rows = page.getByRole('region', { name: 'Explanation' }).locator('tbody tr');
  await rows.filter({ hasText: 'misspelled' }).waitFor();
  return rows.evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.innerText)));
}

export async function explain(page) {
  await actAs(page, 'guest');
  await writeQuery(page, DOCUMENT, 'misspelled');
  const answer = await runFor(page, 'GRAPHQL_VALIDATION_FAILED');
  check(
    answer.errors.every(({ extensions }) => /explain/.test(extensions.hint ?? '')),
    'an unknown field in development does not point at `explain`',
  );
  await page.locator('.hallpass-hint').getByRole('button', { name: 'Explain' }).click();
  const rows = await decisions(page);
  for (const [field, decision] of Object.entries(DECISIONS)) {
    const row = rows.find(([path]) => path === field);
    check(row?.[1] === decision, `Explain says of ${field}: ${row}`);
  }
  check(rows.find(([path]) => path === 'tasks')[2].includes('SIGNED_IN'), 'Explain does not name the rule');
  await actAs(page, 'admin');
  await page.getByRole('button', { name: 'Explain access' }).click();
  await page.getByRole('region', { name: 'Explanation' }).getByText('roles: admin').waitFor();
  const [, decision] = (await decisions(page)).find(([path]) => path === 'analytics');
  check(decision === 'allowed', `Explain says of analytics for admin: ${decision}`);
  const region = page.getByRole('region', { name: 'Explanation' });
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.getByRole('button', { name: 'Hide Documentation Explorer' }).waitFor();
  const isCut = await region.locator('.hallpass-scroll').evaluate((it) => it.scrollWidth > it.clientWidth);
  check(!isCut, 'reasons are cut off beside the documentation');
  await page.getByRole('button', { name: 'Hide Documentation Explorer' }).click();
  await page.getByRole('button', { name: 'New tab' }).click();
  await region.waitFor({ state: 'detached' });
}
