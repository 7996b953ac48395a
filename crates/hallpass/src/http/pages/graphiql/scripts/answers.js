// The last response, and what the page says beside it.

import { createStore } from './store.js';

export const failure = (message, extra) => ({ errors: [{ message }], ...extra });

/** The codes of errors that Explain gives the reason of. */
const EXPLAINED = new Set(['GRAPHQL_VALIDATION_FAILED', 'UNAUTHENTICATED', 'FORBIDDEN']);

/** The sentence beside the last response, or ''. */
export const hint = createStore('');

export function noteAnswer(answer, isDevelopment) {
  const codes = (answer.errors ?? []).map((error) => error.extensions?.code);
  if (!isDevelopment || !codes.some((code) => EXPLAINED.has(code))) return hint.set('');
  const isUnknown = answer.errors.some(({ message }) => /does not have a field/.test(message));
  return hint.set(
    isUnknown
      ? 'This caller sees no such field: it is misspelled, or hidden by an access rule. Explain says which.'
      : 'Explain shows the access rule of each field, and what this caller lacks.',
  );
}
