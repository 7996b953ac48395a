import type { ReactNode } from "react";
import { codeOf, describe } from "../api/errors";
import { useOutage } from "../api/outage";
import { useRetry } from "./retry";

interface NoticeProps {
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: string;
  readonly onAction?: () => void;
}

/** What is shown in place of content: nothing is there, or it could not be loaded. */
export function Notice({ title, children, action, onAction }: NoticeProps): ReactNode {
  return (
    <div className="notice">
      <p className="notice-title">{title}</p>
      {children === undefined ? null : <p>{children}</p>}
      {action === undefined ? null : (
        <button type="button" className="button" onClick={onAction}>
          {action}
        </button>
      )}
    </div>
  );
}

/** Errors that pass without a change by the user. */
const TEMPORARY: ReadonlySet<string | undefined> = new Set(["NETWORK_ERROR", "UNAVAILABLE", "AUTH_UNAVAILABLE", "TIMEOUT"]);

export const isTemporary = (error: unknown): boolean => TEMPORARY.has(codeOf(error));

interface ErrorNoticeProps {
  readonly error: unknown;
  readonly onRetry: () => void;
  /** Whether what was loaded before is shown below. */
  readonly isOld?: boolean;
}

export function ErrorNotice({ error, onRetry, isOld = false }: ErrorNoticeProps): ReactNode {
  const outage = useOutage();
  useRetry(isTemporary(error), onRetry);
  const isNetwork = codeOf(error) === "NETWORK_ERROR";
  // The banner of the page says it, and what was loaded is shown.
  if (isOld && isNetwork && outage !== null) return null;
  const title = isNetwork ? "No connection" : "This could not be loaded";
  return (
    <div role="alert" className={isOld ? "old" : undefined}>
      <Notice title={title} action="Try again" onAction={onRetry}>
        {describe(error)}
      </Notice>
    </div>
  );
}

/** Grey rows with the height of the content that follows. */
export function Skeleton({ rows = 4, height = 56 }: { readonly rows?: number; readonly height?: number }): ReactNode {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="skeleton-row" style={{ height }} />
      ))}
    </div>
  );
}
