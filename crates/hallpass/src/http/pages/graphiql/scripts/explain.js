// Explain: asks the server why the caller may use each field of the document.
// The server answers in development only.

import { h, setStatus } from './dom.js';
import { mergeHeaders, postJson } from './http.js';
import { choice, credentials } from './identity.js';
import { createStore, useStore } from './store.js';

/** The last report: `{ query, caller, fields }` or `{ query, failure }`; null if closed. */
const report = createStore(null);

let opener = null; // what had the focus before

const close = () => report.set(null);
choice.subscribe(close); // it was about another caller

/** Closes the report if it is about another document than `query`. */
export function closeUnlessOf(query) {
  if (report.get()?.query !== query) close();
}

function closeByUser() {
  close();
  opener?.focus();
}

/** Brings each report into view, which may be below the screen, and gives it the focus. */
function useReveal(shown) {
  const pane = React.useRef(null);
  React.useEffect(() => {
    if (!pane.current) return;
    pane.current.closest('section').scrollIntoView({ block: 'start' });
    pane.current.focus({ preventScroll: true });
  }, [shown]);
  return pane;
}

/** Explains `query` for the caller with these headers of the headers editor. */
export async function explain(query, overrides) {
  opener = document.activeElement;
  try {
    const request = await credentials();
    mergeHeaders(request.headers, overrides);
    const response = await postJson('dev/explain', { query }, request);
    const answer = await response.json();
    const failure = () => ({ failure: answer.errors?.[0]?.message ?? `HTTP ${response.status}` });
    report.set({ query, ...(response.ok ? answer : failure()) });
    setStatus('status', response.ok ? 'Explained' : 'Not explained', !response.ok);
  } catch (error) {
    report.set({ query, failure: `The server does not explain: ${error.message}` });
  }
}

function summary(fields) {
  const counts = new Map();
  for (const { decision } of fields) counts.set(decision, (counts.get(decision) ?? 0) + 1);
  return [...counts].map(([decision, count]) => `${count} ${decision}`).join(', ');
}

function Row({ path, decision, explanation }) {
  return h('tr', null,
    h('th', { scope: 'row' }, h('code', null, path)),
    h('td', null, h('span', { className: `hallpass-decision ${decision}` }, decision)),
    h('td', null, explanation.split('; ').map((part) => h('div', { key: part }, part))));
}

function Report({ caller, fields }) {
  return h(React.Fragment, null,
    h('p', null, `As ${caller}: ${summary(fields) || 'the document has no fields'}.`),
    h('table', null,
      h('thead', null, h('tr', null, ...['Field', 'Decision', 'Why'].map((title) => h('th', { key: title, scope: 'col' }, title)))),
      h('tbody', null, fields.map((field, index) => h(Row, { key: index, ...field })))));
}

export function Explanation() {
  const shown = useStore(report);
  const pane = useReveal(shown);
  if (!shown) return null;
  return h('section', { className: 'hallpass-panel', 'aria-label': 'Explanation' },
    h('header', null,
      h('h2', null, 'Explain'),
      h('button', { type: 'button', onClick: closeByUser }, 'Close')),
    h('div', { ref: pane, className: 'hallpass-scroll', tabIndex: 0, role: 'group', 'aria-label': 'Decisions by field' },
      shown.failure ? h('p', { className: 'failed' }, shown.failure) : h(Report, shown)));
}
