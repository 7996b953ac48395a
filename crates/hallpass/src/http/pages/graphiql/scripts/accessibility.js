// Names, roles, keys and positions that GraphiQL and its explorer do not set.

import { $ } from './dom.js';

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
}

const nameEditor = (name) => (field) => set(field, { 'aria-label': name, 'aria-description': 'Escape, then Tab leaves the editor.' });

/** A tab of GraphiQL has buttons in it, which the role `tab` does not allow. */
function describeTab(item) {
  const isActive = item.classList.contains('graphiql-tab-active');
  item.parentElement.setAttribute('role', 'list');
  set(item, { role: 'listitem' });
  item.removeAttribute('aria-selected');
  item.querySelector('button')?.setAttribute('aria-current', String(isActive));
}

/** A field or argument of the explorer: a ring or an arrow, filled or turned if it is in the document. */
function describeChoice(choice) {
  const isChosen = Boolean(choice.querySelector('circle[r="7.5"], svg[style*="rotate"]'));
  set(choice, { role: 'button', tabindex: '0', 'aria-pressed': String(isChosen) });
}

const shown = new WeakSet();

/**
 * When it opens, the explorer scrolls to the operation, past the fields that may be added, and selects a value of the
 * document: it begins at its top, and what is typed does not replace the value.
 */
function showFromBeginning(explorer) {
  if (shown.has(explorer)) return;
  shown.add(explorer);
  const pane = explorer.closest('.graphiql-plugin');
  pane.scrollTop = 0;
  if (!explorer.contains(document.activeElement)) return;
  pane.tabIndex = -1;
  pane.focus({ preventScroll: true });
}

const CHOICES = '.graphiql-explorer-root :is([data-field-name], [data-arg-name] > span:first-child)';

const RULES = [
  ['.graphiql-explorer-root', showFromBeginning],
  ['.graphiql-query-editor .CodeMirror textarea', nameEditor('Query')],
  ['.graphiql-editor-tool > :nth-child(1) textarea', nameEditor('Variables')],
  ['.graphiql-editor-tool > :nth-child(2) textarea', nameEditor('Headers')],
  ['.result-window .CodeMirror textarea', nameEditor('Response')],
  ['.CodeMirror-scroll', (pane) => set(pane, { tabindex: '0' })],
  ['.graphiql-tab', describeTab],
  [CHOICES, describeChoice],
  ['.graphiql-operation-title-bar input', (field) => set(field, { 'aria-label': 'Name of the operation' })],
  ['.graphiql-explorer-root [data-arg-name] :is(input, select)', (field) => set(field, { 'aria-label': field.closest('[data-arg-name]').dataset.argName })],
  ['.graphiql-explorer-actions select', (field) => set(field, { 'aria-label': 'Kind of the new operation' })],
  ['.graphiql-explorer-actions button', (button) => set(button, { 'aria-label': 'Add the operation' })],
];

function describe() {
  for (const [selector, apply] of RULES) $('graphiql').querySelectorAll(selector).forEach(apply);
}

let isDue = false;

function describeSoon() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    describe();
  });
}

export function setUpAccessibility() {
  const attributeFilter = ['class', 'style', 'tabindex', 'aria-selected'];
  new MutationObserver(describeSoon).observe($('graphiql'), { subtree: true, childList: true, attributes: true, attributeFilter });
  $('graphiql').addEventListener('keydown', (event) => {
    if (!event.target.matches(CHOICES) || !['Enter', ' '].includes(event.key)) return;
    event.preventDefault();
    event.target.click();
  });
}
