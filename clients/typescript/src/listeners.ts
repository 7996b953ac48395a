/** Functions that are called when something happens. */
export interface Listeners<Value> {
  /** Returns a function that removes the listener. */
  add(listener: (value: Value) => void): () => void;
  notify(value: Value): void;
}

export function createListeners<Value>(): Listeners<Value> {
  const listeners = new Set<(value: Value) => void>();
  return {
    add: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    notify: (value) => [...listeners].forEach((listener) => listener(value)),
  };
}
