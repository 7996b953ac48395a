// The panels below the response: a hint, code to copy, Explain, and the events.

import { hint } from './answers.js';
import { h } from './dom.js';
import { EventLog } from './events.js';
import { Explanation } from './explain.js';
import { useStore } from './store.js';
import { explainShown, uncopied } from './toolbar.js';

function Hint() {
  const text = useStore(hint);
  if (!text) return null;
  return h('p', { className: 'hallpass-hint', role: 'status' },
    h('span', null, text),
    h('button', { type: 'button', onClick: explainShown }, 'Explain'));
}

function Uncopied() {
  const code = useStore(uncopied);
  if (!code) return null;
  const lines = code.text.split('\n').length;
  return h('section', { className: 'hallpass-panel', 'aria-label': 'Code' },
    h('header', null,
      h('h2', null, code.title),
      h('span', null, 'The browser does not allow to copy: select the text.'),
      h('button', { type: 'button', onClick: () => uncopied.set(null) }, 'Close')),
    h('textarea', { readOnly: true, rows: Math.min(lines, 16), value: code.text, 'aria-label': code.title, onFocus: ({ target }) => target.select() }));
}

export const Panels = h(GraphiQL.Footer, { key: 'panels' },
  h('div', { className: 'hallpass-panels' }, h(Hint), h(Uncopied), h(Explanation), h(EventLog)));
