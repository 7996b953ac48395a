import type { ReactNode } from "react";
import { ErrorNotice } from "./states";

/** The parts of a query's result that are shown. */
export interface Result<T> {
  readonly data?: T | undefined;
  readonly previousData?: T | undefined;
  readonly error?: unknown;
  readonly refetch: () => Promise<unknown>;
}

interface LoadedProps<T> {
  readonly result: Result<T>;
  /** Queries of the same page: their errors are shown here, so that one notice is about all of them. */
  readonly others?: readonly Result<unknown>[];
  /** What is shown until the first answer. */
  readonly skeleton: ReactNode;
  readonly children: (data: T) => ReactNode;
}

/** The data that is shown: the last answer stays while the next one is loaded, and not if that fails. */
export const shownData = <T,>({ data, previousData, error }: Result<T>): T | undefined => data ?? (error === undefined ? previousData : undefined);

/**
 * What a query has loaded. The last answer stays while the next one is loaded, such as for another filter. An error is
 * always shown: in place of the answer, or above one that may be old.
 */
export function Loaded<T>({ result, others = [], skeleton, children }: LoadedProps<T>): ReactNode {
  const failed = [result, ...others].filter(({ error }) => error !== undefined);
  const shown = shownData(result);
  const retry = (): void => failed.forEach(({ refetch }) => void refetch());
  const notice = failed[0] === undefined ? null : <ErrorNotice error={failed[0].error} isOld={shown !== undefined} onRetry={retry} />;
  if (shown === undefined) return result.error === undefined ? skeleton : notice;
  return (
    <>
      {notice}
      {children(shown)}
    </>
  );
}
