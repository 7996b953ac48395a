import type { ConnectionState } from "@hallpass/client/ws";
import { createContext, useContext, useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import type { Connection } from "./connection";

/** Why what is displayed may be old: the browser is offline, or the socket has been down for more than a moment. */
export type Outage = "offline" | "disconnected";

const SocketContext = createContext<ConnectionState>("closed");

export function SocketProvider({ connection, children }: { readonly connection: Connection; readonly children: ReactNode }): ReactNode {
  const [state, setState] = useState<ConnectionState>("closed");
  useEffect(() => connection.onState(setState), [connection]);
  return <SocketContext value={state}>{children}</SocketContext>;
}

function subscribe(listener: () => void): () => void {
  addEventListener("online", listener);
  addEventListener("offline", listener);
  return () => {
    removeEventListener("online", listener);
    removeEventListener("offline", listener);
  };
}

const useOnline = (): boolean => useSyncExternalStore(subscribe, () => navigator.onLine);

/** Null: all is well, or the page has no socket. */
export function useOutage(): Outage | null {
  const isOnline = useOnline();
  const socket = useContext(SocketContext);
  if (!isOnline) return "offline";
  return socket === "reconnecting" ? "disconnected" : null;
}
