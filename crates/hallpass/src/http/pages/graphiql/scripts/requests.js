// The fetcher of GraphiQL: one operation by HTTP, or a subscription by
// server-sent events.

import { failure, hint, noteAnswer } from './answers.js';
import { setStatus } from './dom.js';
import { eventLog } from './events.js';
import { closeUnlessOf } from './explain.js';
import { mergeHeaders, postJson } from './http.js';
import { choice, credentials, isDevelopment } from './identity.js';
import { knownName } from './operation.js';
import { answers } from './stream.js';
import { noteRun } from './viewer.js';

const ACCEPT = 'application/graphql-response+json, application/json;q=0.9, text/event-stream;q=0.8';

let subscription = null; // aborts the running one

// What is shown and running belongs to the previous caller.
choice.subscribe(() => {
  subscription?.abort();
  hint.set('');
  setStatus('status', '');
});

async function parse(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return failure(`The response (HTTP ${response.status}) is not JSON.`, { body: text });
  }
}

function stream(response, stopping, params) {
  subscription = stopping;
  setStatus('status', 'Listening');
  const log = eventLog(params.operationName, (reason, failed) => {
    if (subscription === stopping) setStatus('status', reason, failed);
  });
  return answers(response, stopping, log);
}

export async function fetcher({ operationName, ...rest }, options) {
  const params = { ...rest, operationName: knownName(rest.query, operationName) };
  const started = performance.now();
  const overrides = options?.headers ?? {};
  hint.set('');
  closeUnlessOf(rest.query);
  try {
    const request = await credentials();
    request.headers.set('Accept', ACCEPT);
    mergeHeaders(request.headers, overrides);
    const stopping = new AbortController();
    const response = await postJson('graphql', params, { ...request, signal: stopping.signal });
    noteRun(overrides, response.status);
    if (response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
      return stream(response, stopping, params);
    }
    const answer = await parse(response);
    noteAnswer(answer, isDevelopment());
    const took = Math.round(performance.now() - started);
    setStatus('status', `HTTP ${response.status} · ${took} ms`, !response.ok);
    return answer;
  } catch (error) {
    setStatus('status', 'No response', true);
    return failure(`No response from ${location.origin}: is Hallpass running? (${error.message})`);
  }
}
