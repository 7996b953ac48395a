/** Whether the socket is connected, for a page that displays it. */
import { createListeners } from "../listeners.js";

/**
 * `connected`: events arrive. `reconnecting`: they do not, and the client connects again by itself. `closed`: no
 * subscription needs a connection; also after a rejected credential.
 */
export type ConnectionState = "closed" | "connected" | "reconnecting";

export interface Connection {
  /** Calls the listener with the state at once, and with each one after it. Returns a function that ends that. */
  listen(listener: (state: ConnectionState) => void): () => void;
  /** The state may have changed. */
  update(): void;
}

/** A connection that is replaced within so many milliseconds, such as with a new token, is no lost one. */
const REPLACED = 1000;

/** Reports the changes of a state. */
export function createConnection(current: () => ConnectionState): Connection {
  const listeners = createListeners<ConnectionState>();
  let reported: ConnectionState = "closed";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const report = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (current() === reported) return;
    reported = current();
    listeners.notify(reported);
  };
  return {
    listen: (listener) => {
      listener(reported);
      return listeners.add(listener);
    },
    update: () => {
      if (current() === "reconnecting") timer ??= setTimeout(report, REPLACED);
      else report();
    },
  };
}
