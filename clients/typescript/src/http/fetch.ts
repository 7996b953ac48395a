/** `fetch` with credentials and retries, for any GraphQL client that takes a `fetch`. */
import { sessionEnded } from "../auth/change.js";
import { anonymous, type Credentials } from "../auth/credentials.js";
import { mayChange } from "./operation.js";
import { wait, waitBeforeRetry, type RetryOptions } from "./retry.js";

export interface FetchOptions {
  /** Default: anonymous. */
  readonly credentials?: Credentials;
  /** Name and version of the application, for the log and metrics of servers and proxies. */
  readonly client?: { readonly name: string; readonly version?: string };
  /** False: requests are sent once, except after a rejected token. */
  readonly retry?: RetryOptions | false;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
}

function awareness(client: FetchOptions["client"]): Readonly<Record<string, string>> {
  if (client === undefined) return {};
  const version = client.version === undefined ? {} : { "graphql-client-version": client.version };
  return { "graphql-client-name": client.name, ...version };
}

function withHeaders(init: RequestInit, added: Readonly<Record<string, string>>, mode: RequestCredentials): RequestInit {
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(added)) headers.set(name, value);
  return { ...init, headers, credentials: mode };
}

/**
 * Creates a `fetch` for the GraphQL endpoint.
 *
 * - It adds the credential. After 401, which means that nothing was executed, it renews it once and sends the request
 *   again if the new credential is another one.
 * - It sends a request again after 429 and 503, when `Retry-After` says: a request that may change something only if
 *   nothing of it was executed, or if it has an `Idempotency-Key`.
 */
export function hallpassFetch(options: FetchOptions = {}): typeof fetch {
  const { credentials = anonymous(), client, retry = {} } = options;
  const send = async (input: RequestInfo | URL, init: RequestInit): Promise<Response> => {
    const own = awareness(client);
    const dispatch = options.fetch ?? fetch;
    const first = await credentials.headers();
    const response = await dispatch(input, withHeaders(init, { ...own, ...first }, credentials.mode));
    if (response.status !== 401) return response;
    const hasHeaders = Object.keys(first).length > 0;
    if (hasHeaders || credentials.mode === "include") credentials.renew();
    if (!hasHeaders) return response;
    const second = await credentials.headers();
    const isNew = Object.keys(second).length > 0 && JSON.stringify(first) !== JSON.stringify(second);
    return isNew ? dispatch(input, withHeaders(init, { ...own, ...second }, credentials.mode)) : response;
  };
  if (retry === false) return (input, init = {}) => send(input, init);
  let changes = 0;
  credentials.onChange?.(() => void (changes += 1));
  return (input, init = {}) => {
    const before = changes;
    const sendAsUser = (): Promise<Response> => {
      // The user may have changed while the request waited.
      if (changes !== before) throw sessionEnded();
      return send(input, init);
    };
    return sendRepeatedly(sendAsUser, init, retry);
  };
}

async function sendRepeatedly(
  send: () => Promise<Response>,
  init: RequestInit,
  { attempts = 3, maxWait = 30_000, wait: pause = wait }: RetryOptions,
): Promise<Response> {
  const isSafe = !mayChange(init) || new Headers(init.headers).has("idempotency-key");
  for (let attempt = 0; ; attempt += 1) {
    const response = await send();
    if (attempt >= attempts) return response;
    const milliseconds = await waitBeforeRetry(response, isSafe, attempt);
    if (milliseconds === undefined || milliseconds > maxWait) return response;
    await response.body?.cancel();
    await pause(milliseconds, init.signal ?? null);
  }
}
