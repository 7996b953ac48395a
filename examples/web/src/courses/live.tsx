import { useSubscription } from "@apollo/client/react";
import { applyChange } from "@hallpass/client/apollo";
import type { ReactNode } from "react";
import { useViewer } from "../api/viewer";
import { ProgressEvents } from "./documents";

function Events(): ReactNode {
  useSubscription(ProgressEvents, {
    fetchPolicy: "no-cache",
    onData: ({ client, data: { data } }) => {
      if (data === undefined) return;
      const { chapter, ...progress } = data.progressEvents;
      void applyChange(client, { recordProgress: { chapter, progress } });
    },
  });
  return null;
}

/** Progress that was made in another tab, or on another device: it has the same effects as here. A guest has none. */
export function LiveProgress(): ReactNode {
  return useViewer() === null ? null : <Events />;
}
