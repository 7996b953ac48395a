// Failures of the tests, and what must not happen on a page.

export class Failure extends Error {}

export function check(condition, message) {
  if (!condition) throw new Failure(message);
}

export const oneLine = (text) => String(text).replace(/\s+/g, ' ').trim();

/** What Chromium itself logs: a refused guest or token, an invalid document, no personas in production. */
const EXPECTED = [
  ['graphql', ['400', '401']],
  ['schema.graphql', ['401']],
  ['dev/personas', ['404']],
];

/** Collects all that must not happen on the page. */
export function watch(page, base) {
  const wrongs = [];
  const isExpected = (url, status) => EXPECTED.some(([path, statuses]) => url === new URL(path, base).href && statuses.includes(status));
  const foreign = (url) => /^(https?|wss?):/.test(url) && new URL(url).host !== base.host;
  page.on('pageerror', (error) => wrongs.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const { url } = message.location();
    const [, status] = /^Failed to load resource: .*\b(4\d\d)\b/.exec(message.text()) ?? [];
    if (isExpected(url, status)) return;
    wrongs.push(`console error: ${message.text()} (${url})`);
  });
  page.on('request', (request) => {
    if (foreign(request.url())) wrongs.push(`request to another host: ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (foreign(socket.url())) wrongs.push(`socket to another host: ${socket.url()}`);
  });
  return wrongs;
}
