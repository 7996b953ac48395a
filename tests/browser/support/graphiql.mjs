// What a user of GraphiQL does.

import { check, Failure, oneLine } from './checks.mjs';

/** Reads the whole text of a CodeMirror, also the lines that it does not draw. */
export const textOf = (editor) => editor.evaluate((element) => element.CodeMirror.getValue());

export const queryEditor = (page) => page.locator('.graphiql-query-editor .CodeMirror');
export const responsePane = (page) => page.locator('.result-window .CodeMirror');
export const who = (page) => page.locator('#who');

const run = (page) => page.getByRole('button', { name: 'Execute query' }).click();

export async function writeQuery(page, query, field) {
  const editor = queryEditor(page);
  await editor.click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText(query);
  await editor.getByText(field).first().waitFor();
  const text = await textOf(editor);
  check(text === query, `the query editor holds something else than was typed: ${oneLine(text)}`);
}

/** Chooses a persona, and waits until the server has said who that is. */
export async function actAs(page, persona) {
  await page.getByLabel('Act as').selectOption(persona);
  const state = persona === 'guest' ? 'anonymous' : 'signed-in';
  await page.locator(`#who[data-state="${state}"]`).waitFor();
}

/** Runs the document; the answer, once the answer pane shows `expected`. */
export async function runFor(page, expected) {
  await run(page);
  const pane = responsePane(page);
  try {
    await pane.filter({ hasText: expected }).waitFor();
  } catch {
    throw new Failure(`the answer pane shows no ${expected} but: ${oneLine(await textOf(pane))}`);
  }
  return JSON.parse(await textOf(pane));
}

/** Runs the document, and the request that it is sent with. */
export async function runAndCatch(page, base, expected) {
  const graphql = new URL('graphql', base).href;
  const isRun = (request) =>
    request.method() === 'POST' && request.url() === graphql && !request.postData().includes('query Viewer');
  const [request, answer] = await Promise.all([page.waitForRequest(isRun), runFor(page, expected)]);
  return { request, answer };
}
