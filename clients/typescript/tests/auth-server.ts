/** A Better Auth server and its clients in the tabs of a browser, for tests. */
import type { AuthClient } from "../src/auth/source.js";

export interface Tab {
  readonly client: AuthClient;
  /** Better Auth's client in this tab has signed a user in or out. */
  signal(): void;
}

export interface AuthServer {
  /** The user that is signed in. */
  user: string | null;
  /** Whether the server answers with 500. */
  isDown: boolean;
  /** Paths of requests so far. */
  readonly requests: string[];
  /** Has answers wait until the function that it returns is called. */
  hold(): () => void;
  tab(): Tab;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const tokenOf = (sub: string): string => `${encode({})}.${encode({ sub, iat: 0, exp: 900 })}.`;

function bodyOf(path: string, user: string | null): object {
  if (path === "/token") {
    return user === null ? { data: null, error: { status: 401 } } : { data: { token: tokenOf(user) }, error: null };
  }
  const data = user === null ? null : { user: { id: user }, session: { id: `session-of-${user}` } };
  return { data, error: null };
}

export function authServer(): AuthServer {
  let held = Promise.resolve();
  const server: AuthServer = {
    user: null,
    isDown: false,
    requests: [],
    hold: () => {
      let release = (): void => undefined;
      held = new Promise((resolve) => (release = resolve));
      return release;
    },
    tab: () => {
      const listeners = new Set<() => void>();
      const client: AuthClient = {
        $fetch: async (path) => {
          server.requests.push(path);
          const [user, isDown] = [server.user, server.isDown];
          await held;
          return isDown ? { data: null, error: { status: 500 } } : bodyOf(path, user);
        },
        $store: {
          listen: (_signal, listener) => {
            listeners.add(listener);
            listener();
          },
        },
      };
      return { client, signal: () => [...listeners].forEach((listener) => listener()) };
    },
  };
  return server;
}
