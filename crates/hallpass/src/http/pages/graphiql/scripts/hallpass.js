// GraphiQL page of Hallpass.

import { setUpAccessibility } from './accessibility.js';
import { $, h } from './dom.js';
import { example, loadExamples } from './examples.js';
import { choice, setUpIdentity } from './identity.js';
import { setUpKeyboard } from './keyboard.js';
import { Panels } from './panels.js';
import { fetcher } from './requests.js';
import { loadSchema } from './schema.js';
import { Toolbar } from './toolbar.js';
import { askNewViewer, setUpViewer } from './viewer.js';

const root = ReactDOM.createRoot($('graphiql'));
const storage = GraphiQL.createLocalStorage({ namespace: 'hallpass' });
const plugins = [GraphiQLPluginExplorer.explorerPlugin({ showAttribution: false })];

function render(schema) {
  const props = { fetcher, schema, storage, plugins, defaultQuery: example(), shouldPersistHeaders: false };
  root.render(h(GraphiQL, props, [Toolbar, Panels]));
}

let requested = 0;

/** Loads and shows the schema of the selected identity; ignores outdated responses. */
async function showSchema() {
  requested += 1;
  const current = requested;
  const schema = await loadSchema();
  if (current === requested) render(schema);
}

document.addEventListener('click', (event) => {
  if (event.target.closest('[aria-label="Re-fetch GraphQL schema"]')) showSchema();
  // Editor tooltips have "javascript:void 0" links, which the page's CSP blocks.
  if (event.target.closest('a[href^="javascript:"]')) event.preventDefault();
});

setUpKeyboard();
setUpAccessibility();
setUpViewer();
await Promise.all([setUpIdentity(), loadExamples()]);
choice.subscribe(askNewViewer);
choice.subscribe(showSchema);
askNewViewer();
showSchema();
