// Esc, then Tab (or Shift-Tab) leaves an editor, in which Tab indents.

import { noteStatus } from './dom.js';

const MODIFIERS = new Set(['Shift', 'Control', 'Alt', 'Meta']);

let isLeaving = false;

/** Lets the browser move the focus out of `editor`, past its scroll area. */
function leave(editor, event) {
  event.stopImmediatePropagation();
  const area = editor.querySelector('.CodeMirror-scroll');
  area.tabIndex = -1;
  setTimeout(() => {
    area.tabIndex = 0;
  });
}

function onKeyDown(event) {
  const editor = event.target.closest?.('.CodeMirror');
  if (!editor || MODIFIERS.has(event.key)) return;
  if (event.key === 'Tab' && isLeaving) leave(editor, event);
  isLeaving = event.key === 'Escape';
  if (isLeaving) noteStatus('status', 'Tab leaves the editor');
}

export function setUpKeyboard() {
  document.addEventListener('keydown', onKeyDown, true);
  document.addEventListener('focusout', () => {
    isLeaving = false;
  });
}
