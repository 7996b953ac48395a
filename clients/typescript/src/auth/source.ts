/** The auth server, by the client of Better Auth or by its endpoints: the JWT, and who is signed in. */
import { hallpassError, type HallpassError } from "../errors/error.js";
import { asNumber, asObject, asString } from "../json.js";
import type { Answer } from "./session.js";

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

/** The body of a response: null if no user is signed in. Fails if the auth server is unavailable. */
type Get = (path: string) => Promise<unknown>;

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

function fromClient(client: AuthClient): Get {
  return async (path) => {
    const { data, error } = asObject(await client.$fetch(path, { method: "GET" }));
    if (error === null || error === undefined) return data;
    if (isSignedOut(asNumber(asObject(error)["status"]))) return null;
    throw unavailable(null, error);
  };
}

function retryAfter(response: Response): number | null {
  // Better Auth's own rate limit sends `X-Retry-After`.
  const seconds = Number(response.headers.get("retry-after") ?? response.headers.get("x-retry-after"));
  return Number.isFinite(seconds) && seconds > 0 ? seconds : null;
}

function fromEndpoint({ url, fetch: given }: AuthEndpoint): Get {
  return async (path) => {
    const response = await (given ?? fetch)(`${url}${path}`, { credentials: "include" });
    if (isSignedOut(response.status)) return null;
    if (!response.ok) throw unavailable(retryAfter(response), response);
    const body: unknown = await response.json();
    return body;
  };
}

export function isAuthClient(source: AuthClient | AuthEndpoint): source is AuthClient {
  return "$fetch" in source || typeof source === "function";
}

function bodyOf(source: AuthClient | AuthEndpoint): Get {
  const get = isAuthClient(source) ? fromClient(source) : fromEndpoint(source);
  return async (path) => {
    try {
      return await get(path);
    } catch (error) {
      throw error instanceof TypeError ? unavailable(null, error) : error;
    }
  };
}

/** Fetches a token: null if no user is signed in. */
export function tokenSource(source: AuthClient | AuthEndpoint): () => Promise<string | null> {
  const get = bodyOf(source);
  return async () => {
    const body = await get("/token");
    const token = asString(asObject(body)["token"]);
    if (token === null && body !== null) throw unavailable(null, body);
    return token;
  };
}

/** Asks who is signed in. A new session of the same user counts as another one: the sockets of the last one are closed. */
export function sessionSource(source: AuthClient | AuthEndpoint): () => Promise<Answer> {
  const get = bodyOf(source);
  return async () => {
    const { user, session } = asObject(await get("/get-session?disableCookieCache=true"));
    const [userId, sessionId] = [asString(asObject(user)["id"]), asString(asObject(session)["id"])];
    return { user: userId === null ? null : `${sessionId} ${userId}` };
  };
}

/** The id of the user at the auth server, of the answer of `sessionSource`. Empty if no user is signed in. */
export function userIdOf(user: string | null): string {
  return user?.slice(user.indexOf(" ") + 1) ?? "";
}

/** Calls the listener after each sign-in, sign-out and change of the user by Better Auth's client. */
export function listenToSessions(client: AuthClient, listener: () => void): void {
  let isSubscribed = false;
  client.$store.listen("$sessionSignal", () => {
    if (isSubscribed) listener();
  });
  isSubscribed = true; // subscribing calls the listener once, with the current value
}
