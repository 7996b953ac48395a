/** Which responses are worth another attempt, and when. */
import { firstError, hallpassErrors } from "../errors/parse.js";

export interface RetryOptions {
  /** Attempts after the first one. Default: 3. */
  readonly attempts?: number;
  /** A longer wait is not worth it: the error is returned. Milliseconds. Default: 30,000. */
  readonly maxWait?: number;
  /** Waits. For tests. */
  readonly wait?: (milliseconds: number, signal: AbortSignal | null) => Promise<void>;
}

/** Codes of requests of which nothing was executed: they are sent again even if they change something. */
const NOT_EXECUTED: ReadonlySet<string> = new Set(["RATE_LIMITED", "AUTH_UNAVAILABLE"]);
/** Codes of requests that may have been executed. */
const MAYBE_EXECUTED: ReadonlySet<string> = new Set(["UNAVAILABLE", "TIMEOUT"]);

function mayRetry(codes: readonly string[], isSafe: boolean): boolean {
  const isRetryable = (code: string): boolean => NOT_EXECUTED.has(code) || (isSafe && MAYBE_EXECUTED.has(code));
  return codes.length > 0 && codes.every(isRetryable);
}

/** Seconds of `Retry-After`: a number, or a date. */
function retryAfter(response: Response): number | null {
  const value = response.headers.get("retry-after");
  if (value === null) return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return seconds;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, (date - Date.now()) / 1000);
}

/** A random part of 2^attempt seconds: clients that failed at once do not come back at once. */
export function backoff(attempt: number, random: number = Math.random()): number {
  return 2 ** Math.min(attempt, 5) * 1000 * (0.5 + random / 2);
}

/** Milliseconds to wait. Not too exactly: clients that were rejected together do not come back together. */
const afterSeconds = (seconds: number): number => Math.min(seconds * 1000 + Math.random() * 250, 2 ** 31 - 1);

/** How long the server has the client wait after this error, in milliseconds. Undefined if it does not state it. */
export function retryDelay(error: unknown): number | undefined {
  const extensions = firstError(error)?.extensions;
  if (extensions === undefined || !("retryAfterSeconds" in extensions)) return undefined;
  const { retryAfterSeconds } = extensions;
  return retryAfterSeconds === null ? undefined : afterSeconds(retryAfterSeconds);
}

/** How long to wait before the request is sent again. Undefined if it must not be. */
export async function waitBeforeRetry(
  response: Response,
  isSafe: boolean,
  attempt: number,
): Promise<number | undefined> {
  if (response.status !== 429 && response.status !== 503) return undefined;
  const body: unknown = await response.clone().json().catch(() => undefined);
  const codes = hallpassErrors(body).map((error) => error.code);
  // A proxy's 503 has no code, and its request may have been executed.
  if (codes.length === 0 ? !isSafe : !mayRetry(codes, isSafe)) return undefined;
  const seconds = retryAfter(response);
  return seconds === null ? backoff(attempt) : afterSeconds(seconds);
}

export function wait(milliseconds: number, signal: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
