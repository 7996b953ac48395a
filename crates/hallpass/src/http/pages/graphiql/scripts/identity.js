// The credential that requests are sent with: the token of a persona in
// development, else a pasted token or the browser's session cookie.

import { $ } from './dom.js';
import { createStore } from './store.js';

const PERSONA_KEY = 'hallpass.persona'; // stores the name only: tokens stay in memory
const TOKEN_MAX_AGE_MS = 5 * 60 * 1000; // development tokens expire: fetch new ones

let personas = []; // empty in production
let personasAt = 0;

/** Changes whenever another credential is chosen. */
export const choice = createStore('');

async function loadPersonas() {
  try {
    const response = await fetch('dev/personas', { headers: { Accept: 'application/json' } });
    const list = response.ok ? await response.json() : [];
    if (Array.isArray(list) && list.length > 0) personas = list;
  } catch {
    // Not available: use the token field, or the personas loaded before.
  }
  personasAt = Date.now();
}

export const isDevelopment = () => personas.length > 0;
export const persona = () => personas.find(({ name }) => name === $('persona').value);
export const allPersonas = () => personas;

const pastedToken = () => $('token').value.trim().replace(/^bearer\s+/i, '');

/** Whether a bearer token is sent. */
export const hasToken = () => Boolean(isDevelopment() ? persona()?.token : pastedToken());

async function token() {
  if (!isDevelopment()) return pastedToken();
  if (Date.now() - personasAt > TOKEN_MAX_AGE_MS) await loadPersonas();
  return persona()?.token;
}

/** The fetch options with the chosen credential. */
export async function credentials() {
  const bearer = await token();
  return {
    headers: new Headers(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
    // Personas omit cookies: another server on this machine may have set some.
    credentials: isDevelopment() ? 'omit' : 'same-origin',
  };
}

/** Shows the menu of personas, or the field for a token. */
export async function setUpIdentity() {
  await loadPersonas();
  $('badge').hidden = $('persona-switch').hidden = !isDevelopment();
  $('token-entry').hidden = isDevelopment();
  $('persona').replaceChildren(...personas.map(({ name }) => new Option(name)));
  const stored = sessionStorage.getItem(PERSONA_KEY);
  if (personas.some(({ name }) => name === stored)) $('persona').value = stored;
  $('persona').addEventListener('change', () => {
    sessionStorage.setItem(PERSONA_KEY, $('persona').value);
    choice.set($('persona').value);
  });
  $('token').addEventListener('change', () => choice.set(pastedToken()));
}
