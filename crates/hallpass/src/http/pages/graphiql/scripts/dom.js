// Access to the header of the page.

export const $ = (id) => document.getElementById(id);
export const h = React.createElement;

export function setStatus(id, text, failed = false) {
  $(id).textContent = $(id).title = text;
  $(id).classList.toggle('failed', failed);
}
