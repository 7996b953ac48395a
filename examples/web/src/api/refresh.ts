import type { ApolloClient } from "@apollo/client";
import { refetchDisplayed } from "@hallpass/client/apollo";

/** Milliseconds in which a socket that was lost is connected again. */
const RECONNECT = 1000;

export interface Refresh {
  /** To be called when events may have been missed. */
  readonly onGap: () => void;
  readonly close: () => void;
}

/**
 * Queries what is displayed once when the browser is online again: when the socket is connected, so that no event is
 * missed in between, or a moment later, if there is no socket or it goes on where it was.
 */
export function createRefresh(client: () => ApolloClient): Refresh {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => clearTimeout(timer);
  // What is displayed stays if a query fails.
  const refetch = (): void => void client().refetchQueries({ include: "active" }).catch(() => undefined);
  const onOnline = (): void => {
    stop();
    timer = setTimeout(refetch, RECONNECT);
  };
  addEventListener("online", onOnline);
  return {
    onGap: () => {
      stop();
      void refetchDisplayed(client());
    },
    close: () => {
      removeEventListener("online", onOnline);
      stop();
    },
  };
}
