import { createElement, Fragment, useSyncExternalStore, type ReactNode } from "react";
import type { Closable, PerUser } from "../auth/per-user.js";

export interface ClientPerUserProps<T extends Closable> {
  /** What `perUser` returned. */
  readonly clients: PerUser<T>;
  readonly children: (client: T) => ReactNode;
}

/** Renders with the client of the user that is signed in. For another user, everything below is mounted again. */
export function ClientPerUser<T extends Closable>({ clients, children }: ClientPerUserProps<T>): ReactNode {
  const number = useSyncExternalStore(clients.subscribe, clients.number, clients.number);
  return createElement(Fragment, { key: number }, children(clients.current()));
}
