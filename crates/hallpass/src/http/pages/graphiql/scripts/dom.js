// Access to the header of the page.

export const $ = (id) => document.getElementById(id);
export const h = React.createElement;

const SHOWN_FOR_MS = 5000;
const timers = new Map();

export function setStatus(id, text, failed = false) {
  clearTimeout(timers.get(id));
  $(id).textContent = $(id).title = text;
  $(id).classList.toggle('failed', failed);
}

/** Shows a text for a moment, such as about something that was just done. */
export function noteStatus(id, text) {
  setStatus(id, text);
  timers.set(id, setTimeout(() => setStatus(id, ''), SHOWN_FOR_MS));
}
