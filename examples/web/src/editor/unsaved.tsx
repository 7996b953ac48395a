import type { ReactNode } from "react";
import type { Kept } from "../auth/kept";

/** What is shown beside a button that saves: whether something was typed, which can be discarded. */
export function Unsaved<T>({ kept }: { readonly kept: Kept<T> }): ReactNode {
  if (!kept.isTyped) return null;
  return (
    <>
      <span className="muted">Not saved yet.</span>
      <button type="button" className="button" onClick={kept.drop}>
        Discard
      </button>
    </>
  );
}
