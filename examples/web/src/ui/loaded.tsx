import type { ReactNode } from "react";
import { ErrorNotice } from "./states";

/** The parts of a query's result that are shown. */
interface Result<T> {
  readonly data?: T | undefined;
  readonly previousData?: T | undefined;
  readonly error?: unknown;
  readonly refetch: () => Promise<unknown>;
}

interface LoadedProps<T> {
  readonly result: Result<T>;
  /** What is shown until the first answer. */
  readonly skeleton: ReactNode;
  readonly children: (data: T) => ReactNode;
}

/**
 * What a query has loaded. The last answer stays while the next one is loaded, such as for another filter. An error is
 * always shown: in place of the answer, or above one that may be old.
 */
export function Loaded<T>({ result, skeleton, children }: LoadedProps<T>): ReactNode {
  const { data, previousData, error, refetch } = result;
  const hasFailed = error !== undefined;
  const shown = data ?? (hasFailed ? undefined : previousData);
  const notice = hasFailed ? <ErrorNotice error={error} isOld={shown !== undefined} onRetry={() => void refetch()} /> : null;
  if (shown === undefined) return notice ?? skeleton;
  return (
    <>
      {notice}
      {children(shown)}
    </>
  );
}
