// A value that parts of the page observe.

export function createStore(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const listener of listeners) listener(next);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The value of a store in a React component. */
export const useStore = (store) => React.useSyncExternalStore(store.subscribe, store.get);
