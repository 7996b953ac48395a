/** Sockets that a test breaks, as a network does. */
import WebSocket from "ws";
import { until } from "./support.js";

export interface BreakableSockets {
  /** Options of the live client. */
  readonly options: { readonly webSocketImpl: unknown; readonly on: { readonly connected: () => void } };
  /** Waits until there was this number of connections. */
  connected(count: number): Promise<void>;
  /** Breaks the connections. */
  cut(): void;
}

export function breakableSockets(): BreakableSockets {
  const sockets: WebSocket[] = [];
  let connections = 0;
  class Socket extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      sockets.push(this);
    }
  }
  return {
    options: { webSocketImpl: Socket, on: { connected: () => void (connections += 1) } },
    connected: (count) => until(`connection ${count}`, () => connections === count),
    cut: () => sockets.forEach((socket) => socket.terminate()),
  };
}
