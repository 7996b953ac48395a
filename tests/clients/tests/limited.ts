/** A server that limits the rate of a client. */

export interface LimitedFetch {
  readonly fetch: typeof fetch;
  /** Rejects this number of requests, and has each wait a second. */
  reject(count: number): void;
  /** The number of rejected requests. */
  rejected(): number;
}

const RETRY_AFTER = 1;

function rejection(): Response {
  const extensions = { code: "RATE_LIMITED", retryAfterSeconds: RETRY_AFTER };
  const headers = { "retry-after": `${RETRY_AFTER}`, "content-type": "application/graphql-response+json" };
  return new Response(JSON.stringify({ errors: [{ message: "too many requests", extensions }] }), { status: 429, headers });
}

export function limitedFetch(): LimitedFetch {
  let [left, rejected] = [0, 0];
  const limited: typeof fetch = async (input, init) => {
    if (left === 0) return fetch(input, init);
    left -= 1;
    rejected += 1;
    return rejection();
  };
  return { fetch: limited, reject: (count) => void (left = count), rejected: () => rejected };
}
