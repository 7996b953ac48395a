import type { ReactNode } from "react";

/** A bar with the percentage in words, for screen readers too. */
export function ProgressBar({ percent, label }: { readonly percent: number; readonly label: string }): ReactNode {
  return (
    <div className="progress">
      <progress max={100} value={percent} aria-label={label} />
      <span className="progress-text">{percent} %</span>
    </div>
  );
}
