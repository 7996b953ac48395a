// The buttons beside Run.

import { asClientCode } from './client-snippet.js';
import { h, noteStatus } from './dom.js';
import { useEditors } from './editors.js';
import { example, isExample, useExamples } from './examples.js';
import { closeUnlessOf, explain } from './explain.js';
import { choice, hasToken, isDevelopment, persona } from './identity.js';
import { readOperation } from './operation.js';
import { asCurl, asFetch } from './snippets.js';
import { createStore } from './store.js';
import { isByCookie } from './viewer.js';

const { ToolbarButton, ToolbarMenu } = GraphiQL.React;

/** Code that could not be copied, for the user to select; null otherwise. */
export const uncopied = createStore(null);

const icon = (path) =>
  h('svg', { className: 'graphiql-toolbar-icon hallpass-icon', viewBox: '0 0 24 24', 'aria-hidden': true }, h('path', { d: path }));

const ICONS = {
  explain: icon('M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6zM9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.6M12 16.5v.01'),
  example: icon('M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6'),
  code: icon('M8 7l-5 5 5 5M16 7l5 5-5 5M14 4l-4 16'),
};

const FORMS = [
  ['Copy as fetch', asFetch],
  ['Copy as curl', asCurl],
  ['Copy as client code', asClientCode],
];

/** Where copied code gets the token of the persona from. Null in production. */
const tokenSource = () =>
  isDevelopment() ? { url: new URL('dev/personas', document.baseURI).href, persona: persona()?.name } : null;

async function copy(title, text) {
  try {
    await navigator.clipboard.writeText(text);
    uncopied.set(null);
    noteStatus('status', title.replace('Copy', 'Copied'));
  } catch {
    uncopied.set({ title, text }); // no permission, or no HTTPS
  }
}

let shownEditors = null;

/** Explains the document of the active tab. */
export const explainShown = () => explain(shownEditors.query(), shownEditors.headers());

function Buttons({ prettify, merge, copy: copyQuery }) {
  const editors = useEditors();
  shownEditors = editors;
  useExamples(editors);
  React.useEffect(() => closeUnlessOf(editors.query()), [editors.tab]);
  // The response was the previous caller's.
  React.useEffect(() => choice.subscribe(editors.clearResponse));
  const identity = () => ({ hasToken: hasToken(), isByCookie: isByCookie(), tokenSource: tokenSource() });
  const item = ([title, write]) =>
    h(ToolbarMenu.Item, { key: title, onSelect: () => copy(title, write(readOperation(editors), identity())) }, title);
  return h(React.Fragment, null,
    isDevelopment() && h(ToolbarButton, { label: 'Explain access', onClick: explainShown }, ICONS.explain),
    h(ToolbarMenu, { label: 'Copy as code', button: ICONS.code }, FORMS.map(item)),
    h(ToolbarButton, { label: 'Show the example query', onClick: () => editors.show(example(), isExample) }, ICONS.example),
    prettify, merge, copyQuery);
}

export const Toolbar = h(GraphiQL.Toolbar, { key: 'toolbar' }, (buttons) => h(Buttons, buttons));
