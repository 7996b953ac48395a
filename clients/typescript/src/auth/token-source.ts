/** Where Better Auth's JWT comes from: the client of Better Auth, or its endpoint. */
import { hallpassError, type HallpassError } from "../errors/error.js";
import { asNumber, asObject, asString } from "../json.js";

/** The part of a Better Auth client that is used. */
export interface AuthClient {
  $fetch(path: string, options: { method: "GET"; headers?: Record<string, string> }): Promise<unknown>;
  readonly $store: { listen(signal: "$sessionSignal", listener: () => void): void };
}

/** The auth server, for an application that does not use Better Auth's client. */
export interface AuthEndpoint {
  /** Address of Better Auth, with its base path, such as `https://auth.example.com/api/auth`. */
  readonly url: string;
  readonly fetch?: typeof fetch;
}

/** Fetches a token: null if no user is signed in. Fails if the auth server is unavailable. */
export type TokenSource = () => Promise<string | null>;

function unavailable(retryAfterSeconds: number | null, cause: unknown): HallpassError {
  return hallpassError("AUTH_UNAVAILABLE", {
    message: "The sign-in service is unavailable: try again soon.",
    extensions: { retryAfterSeconds },
    cause,
  });
}

/** 401 is no session, and so is 403: a banned user. */
function isSignedOut(status: number | null): boolean {
  return status === 401 || status === 403;
}

function fromClient(client: AuthClient): TokenSource {
  return async () => {
    const result = asObject(await client.$fetch("/token", { method: "GET" }));
    const token = asString(asObject(result["data"])["token"]);
    if (token !== null) return token;
    const status = asNumber(asObject(result["error"])["status"]);
    if (isSignedOut(status)) return null;
    throw unavailable(null, result["error"]);
  };
}

function retryAfter(response: Response): number | null {
  // Better Auth's own rate limit sends `X-Retry-After`.
  const seconds = Number(response.headers.get("retry-after") ?? response.headers.get("x-retry-after"));
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

function fromEndpoint({ url, fetch: given }: AuthEndpoint): TokenSource {
  return async () => {
    const response = await (given ?? fetch)(`${url}/token`, { credentials: "include" });
    if (isSignedOut(response.status)) return null;
    if (!response.ok) throw unavailable(retryAfter(response), response);
    const body: unknown = await response.json();
    const token = asString(asObject(body)["token"]);
    if (token === null) throw unavailable(null, body);
    return token;
  };
}

export function isAuthClient(source: AuthClient | AuthEndpoint): source is AuthClient {
  return "$fetch" in source || typeof source === "function";
}

export function tokenSource(source: AuthClient | AuthEndpoint): TokenSource {
  const fetchToken = isAuthClient(source) ? fromClient(source) : fromEndpoint(source);
  return async () => {
    try {
      return await fetchToken();
    } catch (error) {
      throw error instanceof TypeError ? unavailable(null, error) : error;
    }
  };
}
