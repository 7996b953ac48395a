// Requests to the server. All paths are relative to the page: a proxy may serve
// it below a path of its own.

/** Sets the headers of the headers editor: they take precedence, and "" or null removes a header. */
export function mergeHeaders(headers, overrides) {
  for (const [name, value] of Object.entries(overrides)) {
    if (value) headers.set(name, value);
    else headers.delete(name);
  }
}

/** Sends a JSON body. */
export function postJson(path, body, { headers, ...request }) {
  if (!headers.has('Content-Type')) headers.set('Content-Type', 'application/json');
  if (!headers.has('Accept')) headers.set('Accept', 'application/json');
  return fetch(path, { ...request, headers, method: 'POST', body: JSON.stringify(body) });
}
