/** Connections that are broken without a close: the network is another one, or the server is gone. */
import type { Client } from "graphql-ws";

/** Milliseconds between two pings. */
export const KEEP_ALIVE = 10_000;

/** Closes a connection whose ping is not answered within half of the time between two pings. */
export function closeSilent(client: Client, keepAlive: number): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => clearTimeout(timer);
  client.on("ping", (isReceived) => {
    if (!isReceived) timer = setTimeout(() => client.terminate(), keepAlive / 2);
  });
  client.on("pong", (isReceived) => {
    if (isReceived) stop();
  });
  client.on("closed", stop);
}

/** Calls the listener when the browser is online again. Returns a function that ends it. */
export function onOnline(listener: () => void): () => void {
  if (typeof addEventListener === "undefined") return () => undefined; // not in a browser
  addEventListener("online", listener);
  return () => removeEventListener("online", listener);
}
