// The panel that shows as whom requests are executed: by asking the server, with
// the credential and the headers that requests are sent with.

import { $ } from './dom.js';
import { credentials } from './identity.js';
import { mergeHeaders, postJson } from './http.js';

const QUERY = `query Viewer {
  viewer {
    name email kind method isAnonymous roles tier permissions scopes
    clientId organizationId impersonatedBy expiresAt
  }
}`;

const CLAIMS = [
  ['Name', ({ name }) => name],
  ['E-mail', ({ email }) => email],
  ['Kind', kindOf],
  ['Method', ({ method }) => words(method)],
  ['Roles', ({ roles }) => roles.join(', ') || 'none'],
  ['Tier', ({ tier }) => tier],
  ['Permissions', ({ permissions }) => permissions.join(', ') || 'none'],
  ['Scopes', ({ scopes }) => scopes && (scopes.join(', ') || 'none')],
  ['OAuth client', ({ clientId }) => clientId],
  ['Organization', ({ organizationId }) => organizationId],
  ['Impersonated by', ({ impersonatedBy }) => impersonatedBy],
  ['Expires', ({ expiresAt }) => expiry(expiresAt)],
];

const MAX_TIMEOUT_MS = 2 ** 31 - 1; // of setTimeout

let overrides = {}; // the headers editor at the last run
let current = null; // the viewer; null if anonymous or unknown
let asked = 0;
let expiryTimer;

const NAMES = { JWT: 'JWT', API_KEY: 'API key', ID_TOKEN: 'ID token' };

/** The words of an enum value. */
const words = (name) => NAMES[name] ?? name.toLowerCase().replaceAll('_', ' ');

function kindOf({ kind, isAnonymous }) {
  return isAnonymous ? 'guest account' : words(kind);
}

function expiry(at) {
  const minutes = Math.round((Date.parse(at) - Date.now()) / 60_000);
  if (minutes < 0) return `expired (${new Date(at).toLocaleString()})`;
  const hours = Math.floor(minutes / 60);
  const left = hours > 48 ? `${Math.round(hours / 24)} days` : hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
  return `in ${left} (${new Date(at).toLocaleString()})`;
}

function show(state, text, note) {
  $('who').textContent = $('who').title = text;
  $('who').dataset.state = state;
  $('who-note').textContent = note;
  showClaims();
}

function showClaims() {
  const rows = current ? CLAIMS.map(([title, read]) => [title, read(current)]).filter(([, text]) => text) : [];
  $('claims').hidden = rows.length === 0;
  $('claims').replaceChildren(
    ...rows.flatMap(([title, text]) => {
      const [term, value] = [document.createElement('dt'), document.createElement('dd')];
      term.textContent = title;
      value.textContent = text;
      return [term, value];
    }),
  );
}

function showViewer(viewer) {
  current = viewer;
  clearTimeout(expiryTimer);
  if (!viewer) return show('anonymous', 'Guest: not signed in', 'The server sees no credential.');
  const title = viewer.name ?? viewer.email ?? viewer.clientId ?? kindOf(viewer);
  const facts = [title, viewer.tier, viewer.roles.join(', ')].filter(Boolean);
  const left = Date.parse(viewer.expiresAt) - Date.now();
  if (left < MAX_TIMEOUT_MS) expiryTimer = setTimeout(askViewer, Math.max(left, 0) + 1000);
  return show('signed-in', facts.join(' · '), `Signed in by ${words(viewer.method)}.`);
}

/** Asks for the caller of another credential. */
export function askNewViewer() {
  current = null;
  show('asking', 'Asking the server…', '');
  askViewer();
}

/** Asks the server who the caller is, and shows the answer; ignores outdated answers. */
export async function askViewer() {
  asked += 1;
  const question = asked;
  const answer = await viewerOf().catch((error) => ({ errors: [{ message: error.message }] }));
  if (question !== asked) return;
  if (answer.data?.viewer !== undefined && !answer.errors) return showViewer(answer.data.viewer);
  current = null;
  show('unknown', 'Unknown', answer.errors?.[0]?.message ?? 'The server did not answer the question.');
}

async function viewerOf() {
  const request = await credentials();
  mergeHeaders(request.headers, overrides);
  const response = await postJson('graphql', { query: QUERY, operationName: 'Viewer' }, request);
  return response.json();
}

/** Asks again if a run has other headers than the last one, or failed for its credential. */
export function noteRun(headers, status) {
  const changed = JSON.stringify(headers) !== JSON.stringify(overrides);
  overrides = headers;
  if (changed || status === 401) askNewViewer();
}

/** Whether a session cookie signs the caller in. */
export const isByCookie = () => /COOKIE/.test(current?.method ?? '');

export function setUpViewer() {
  $('identity').addEventListener('toggle', showClaims); // the remaining time
  $('identity').addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    $('identity').open = false;
    $('identity').querySelector('summary').focus();
  });
  document.addEventListener('click', ({ target }) => {
    if (!$('identity').contains(target)) $('identity').open = false;
  });
  // Another tab may have signed in or out.
  window.addEventListener('focus', askViewer);
}
