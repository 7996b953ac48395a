import type { ApolloClient } from "@apollo/client";
import { refetchDisplayed } from "@hallpass/client/apollo";

/** Milliseconds in which a socket that was lost is connected again, and events that were missed are noticed. */
const RECONNECT = 1000;

const timers = new WeakMap<ApolloClient, ReturnType<typeof setTimeout>>();

/** Queries what is displayed, after events that were missed. */
export function refresh(client: ApolloClient): void {
  clearTimeout(timers.get(client));
  refetchDisplayed(client);
}

/**
 * Queries what is displayed once when the browser is online again: when the socket is connected, so that no event is
 * missed in between, or a moment later, if there is no socket or it goes on where it was. Returns a function that ends it.
 */
export function refreshOnline(client: ApolloClient): () => void {
  // What is displayed stays if a query fails.
  const refetch = (): void => void client.refetchQueries({ include: "active" }).catch(() => undefined);
  const onOnline = (): void => {
    clearTimeout(timers.get(client));
    timers.set(client, setTimeout(refetch, RECONNECT));
  };
  addEventListener("online", onOnline);
  return () => {
    removeEventListener("online", onOnline);
    clearTimeout(timers.get(client));
  };
}
