/** A subscription as an iterator, for `for await`. */
import type { Sink } from "graphql-ws";

/** Iterates over what `subscribe` sends to its sink. The subscription ends with the iteration. */
export function iterate<T>(subscribe: (sink: Sink<T>) => () => void): AsyncIterableIterator<T> {
  let pending: T[] = [];
  let wake = (): void => undefined;
  let isDone = false;
  let failure: { readonly error: unknown } | undefined;
  const end = (): void => {
    isDone = true;
    wake();
  };
  const stop = subscribe({
    next: (value) => {
      pending.push(value);
      wake();
    },
    error: (error) => {
      failure = { error };
      end();
    },
    complete: end,
  });
  async function* values(): AsyncGenerator<T, undefined> {
    try {
      for (;;) {
        for (let value = pending.shift(); value !== undefined; value = pending.shift()) yield value;
        if (failure !== undefined) throw failure.error;
        if (isDone) return undefined;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      stop();
    }
  }
  const iterator = values();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => iterator.next(),
    // A generator that waits would end with its next value only.
    return: () => {
      stop();
      pending = [];
      end();
      return iterator.return(undefined);
    },
    throw: (error) => {
      stop();
      pending = [];
      end();
      return iterator.throw(error);
    },
  };
}
