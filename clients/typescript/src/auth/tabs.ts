import { asObject, asString } from "../json.js";

/** The user of a tab: an id, null if no user is signed in, or undefined if the user may have changed. */
export type TabUser = string | null | undefined;

/** Messages between the tabs of one origin. */
export interface Tabs {
  /** Sends the user of this tab to all other tabs. */
  send(user: TabUser): void;
  close(): void;
}

function userOf(data: unknown): TabUser {
  const user = asObject(data)["user"];
  return user === null ? null : (asString(user) ?? undefined);
}

/** Calls `receive` when another tab sends its user. Without BroadcastChannel, tabs are separate. */
export function connectTabs(name: string, receive: (user: TabUser) => void): Tabs {
  if (typeof BroadcastChannel === "undefined") return { send: () => undefined, close: () => undefined };
  const channel = new BroadcastChannel(name);
  channel.addEventListener("message", ({ data }) => receive(userOf(data)));
  // Node waits for open channels before it exits; browsers have no such method.
  if ("unref" in channel && typeof channel.unref === "function") channel.unref();
  return { send: (user) => channel.postMessage({ user }), close: () => channel.close() };
}
