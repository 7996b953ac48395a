// The responses of a subscription, over server-sent events.

import { failure } from './answers.js';

/** The data of the events in a response, as JSON. */
async function* read(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('the server ended the stream');
    const events = (text + value).split('\n\n');
    text = events.pop();
    for (const event of events) {
      if (event.startsWith('event: complete')) return;
      if (event.startsWith('event: next\ndata: ')) yield JSON.parse(event.slice(18));
    }
  }
}

/**
 * An async iterator of the responses, for GraphiQL. `log` receives each response, and once how the stream
 * ended. `return` of the iterator, or aborting `stopping`, ends the request.
 */
export function answers(response, stopping, log) {
  async function* run() {
    try {
      for await (const answer of read(response)) {
        log.add(answer);
        yield answer;
      }
      log.end('Completed');
    } catch (error) {
      if (stopping.signal.aborted) return log.end('Stopped');
      log.end('Interrupted', true);
      yield failure(`The stream was interrupted: run the operation again. (${error.message})`);
    }
  }
  const events = run();
  const stoppable = {
    [Symbol.asyncIterator]: () => stoppable,
    next: () => events.next(),
    return: () => {
      stopping.abort();
      log.end('Stopped');
      return events.return();
    },
  };
  return stoppable;
}
