import { useEffect, useRef } from "react";

const FIRST = 2000;
const LONGEST = 30_000;

/** The attempts in a row of this page: the component with the error is often another one after each. */
const attempts = { count: 0, last: 0 };

function nextDelay(): number {
  if (Date.now() - attempts.last > 2 * LONGEST) attempts.count = 0;
  return Math.min(FIRST * 2 ** attempts.count, LONGEST);
}

/** Repeats what failed, after some time. Queries are also repeated when the browser is online again: api/refresh.ts. */
export function useRetry(isTemporary: boolean, retry: () => void): void {
  const latest = useRef(retry);
  useEffect(() => {
    latest.current = retry;
  });
  useEffect(() => {
    if (!isTemporary) return;
    const again = (): void => {
      attempts.count += 1;
      attempts.last = Date.now();
      latest.current();
    };
    const timer = setInterval(again, nextDelay());
    return () => clearInterval(timer);
  }, [isTemporary]);
}
