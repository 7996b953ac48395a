// Esc, then Tab (or Shift-Tab) leaves an editor, in which Tab indents.

import { setStatus } from './dom.js';

const inEditor = ({ target }) => target instanceof Element && target.closest('.CodeMirror');
const MODIFIERS = new Set(['Shift', 'Control', 'Alt', 'Meta']);

let isLeaving = false;

function onKeyDown(event) {
  if (!inEditor(event) || MODIFIERS.has(event.key)) return;
  if (event.key === 'Tab' && isLeaving) event.stopImmediatePropagation(); // the browser moves the focus
  isLeaving = event.key === 'Escape';
  if (isLeaving) setStatus('status', 'Tab leaves the editor');
}

export function setUpKeyboard() {
  document.addEventListener('keydown', onKeyDown, true);
  document.addEventListener('focusout', () => {
    isLeaving = false;
  });
}
