// As whom requests are executed: the page asks the server.

import { check } from '../support/checks.mjs';
import { actAs, runAndCatch, who, writeQuery } from '../support/graphiql.mjs';

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

async function claims(page) {
  await page.locator('#identity summary').click();
  const text = await page.locator('#claims').innerText();
  await page.keyboard.press('Escape');
  check(!(await page.locator('#claims').isVisible()), 'Escape does not close the panel of the caller');
  return text.replace(/\s*\n+\s*/g, ' ');
}

async function checkPersonas(page) {
  await actAs(page, 'guest');
  check(/Guest/.test(await who(page).innerText()), 'a guest is not shown as a guest');
  await actAs(page, 'premium');
  check((await who(page).innerText()) === 'Priya · premium · user', `premium is shown as ${await who(page).innerText()}`);
  const shown = await claims(page);
  for (const claim of ['Kind user', 'Method JWT', 'Roles user', 'Tier premium', 'Expires in']) {
    check(shown.includes(claim), `the panel of the caller does not show "${claim}" but: ${shown}`);
  }
  await actAs(page, 'service');
  check((await claims(page)).includes('Kind service'), 'a service is not shown as one');
}

/** The headers editor takes precedence over the persona, also in what the page shows. */
async function checkHeaders(page) {
  await actAs(page, 'premium');
  await page.getByRole('button', { name: 'Headers', exact: true }).click();
  await page.locator('.graphiql-editor-tool > :nth-child(2) .CodeMirror').click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText('{"Authorization": ""}');
  await page.getByRole('button', { name: 'Execute query' }).click();
  await page.locator('#who[data-state="anonymous"]').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.graphiql-editor-tool > :nth-child(2) .CodeMirror').click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('Delete');
  await page.getByRole('button', { name: 'Execute query' }).click();
  await page.locator('#who[data-state="signed-in"]').waitFor();
}

/** The answer to premium, who may read what a guest may not. */
export async function identity(page, base) {
  await checkPersonas(page);
  await writeQuery(page, QUERY, 'priority');
  await actAs(page, 'guest');
  const guest = await runAndCatch(page, base, 'UNAUTHENTICATED');
  check(guest.answer.errors?.length > 0, 'a guest’s answer has no errors');
  check(!(await guest.request.headerValue('authorization')), 'a guest’s request carries an Authorization header');
  await actAs(page, 'premium');
  const premium = await runAndCatch(page, base, '"nodes"');
  const authorization = await premium.request.headerValue('authorization');
  check(/^Bearer \S+$/.test(authorization ?? ''), 'premium’s request carries no bearer token');
  check(!premium.answer.errors, `premium’s answer has errors: ${JSON.stringify(premium.answer.errors)}`);
  check(Array.isArray(premium.answer.data?.tasks?.nodes), 'premium’s answer holds no tasks');
  await checkHeaders(page);
  return premium.answer;
}
