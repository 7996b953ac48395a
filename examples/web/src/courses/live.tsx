import { useSubscription } from "@apollo/client/react";
import type { ReactNode } from "react";
import { useViewer } from "../api/viewer";
import { ProgressEvents } from "./documents";

function Events(): ReactNode {
  useSubscription(ProgressEvents);
  return null;
}

/** Progress that was made in another tab, or on another device. A guest has none. */
export function LiveProgress(): ReactNode {
  return useViewer() === null ? null : <Events />;
}
