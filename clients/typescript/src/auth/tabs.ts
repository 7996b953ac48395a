/** Messages between the tabs of one origin. */
export interface Tabs {
  /** Sends the message to all other tabs. */
  send(): void;
  close(): void;
}

/** Calls `receive` when another tab sends the message of this name. Without BroadcastChannel, tabs are separate. */
export function connectTabs(name: string, receive: () => void): Tabs {
  if (typeof BroadcastChannel === "undefined") return { send: () => undefined, close: () => undefined };
  const channel = new BroadcastChannel(name);
  channel.addEventListener("message", receive);
  // Node waits for open channels before it exits; browsers have no such method.
  if ("unref" in channel && typeof channel.unref === "function") channel.unref();
  return { send: () => channel.postMessage("changed"), close: () => channel.close() };
}
