/** What the tests share: addresses, tokens of personas, users of Better Auth. */
import { bearerToken, createExecutor, type Credentials, type TypedExecutor } from "@hallpass/client";
import { createAuthClient } from "better-auth/client";
import WebSocket from "ws";

export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing: run \`npm test\``);
  return value;
}

export const developmentUrl = `${variable("DEVELOPMENT_URL")}/graphql`;
export const appOrigin = variable("APP_ORIGIN");

/** The address of the socket beside a GraphQL endpoint. */
export const liveUrl = (url: string): string => `${url.replace(/^http/, "ws")}/ws`;

export const webSocketImpl = WebSocket;

export type Persona = "free" | "premium" | "editor" | "admin";

export function personaToken(persona: Persona): string {
  const tokens: Record<string, string | undefined> = JSON.parse(variable("PERSONA_TOKENS"));
  return tokens[persona] ?? "";
}

export const persona = (name: Persona): Credentials => bearerToken(() => personaToken(name));

export const executor = (name: Persona): TypedExecutor => createExecutor({ url: developmentUrl, credentials: persona(name) });

/** A fetch that adds the name of each operation to a list. */
export function recorded(sent: string[]): typeof fetch {
  return (input, init) => {
    const sentText = typeof init?.body === "string" ? init.body : decodeURIComponent(`${input}`);
    sent.push(/(?:query|mutation) (\w+)/.exec(sentText)?.[1] ?? sentText);
    return fetch(input, init);
  };
}

let count = 0;

/** A text that no other test uses. */
export function unique(text: string): string {
  count += 1;
  return `${text} ${process.pid}-${count}`;
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until the condition is met. */
export async function until(what: string, isMet: () => boolean | Promise<boolean>, seconds = 15): Promise<void> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) {
    if (await isMet()) return;
  }
  throw new Error(`not within ${seconds} s: ${what}`);
}

/** A signed-in user, as a page with Better Auth's client has it. */
export interface User {
  readonly email: string;
  readonly sessionToken: () => string;
  readonly cookie: string;
  readonly client: ReturnType<typeof authClient>;
  /** Better Auth's client in another tab. */
  readonly otherTab: ReturnType<typeof authClient>;
}

function authClient(baseURL: string, token: string) {
  return createAuthClient({ baseURL, fetchOptions: { auth: { type: "Bearer", token } } });
}

/** Hallpass, and the Better Auth server of its users. */
export interface Deployment {
  /** The GraphQL endpoint. */
  readonly url: string;
  readonly authUrl: string;
  /** Signs a new user up. */
  signUp(): Promise<User>;
  /** A control of the Better Auth server: see tests/better-auth/server.mjs. */
  control(name: string, body?: object): Promise<unknown>;
}

function deployment(name: "SHARED" | "OUTAGES"): Deployment {
  const authUrl = variable(`${name}_AUTH_URL`);
  return {
    url: `${variable(`${name}_URL`)}/graphql`,
    authUrl,
    async signUp() {
      const email = `${unique("user").replace(" ", "-")}@example.test`;
      const response = await fetch(`${authUrl}/api/auth/sign-up/email`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: authUrl },
        body: JSON.stringify({ email, password: "correct horse battery", name: "Test User" }),
      });
      const token = response.headers.get("set-auth-token");
      if (token === null) throw new Error(`no session: ${response.status} ${await response.text()}`);
      const cookie = response.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
      const [client, otherTab] = [authClient(authUrl, token), authClient(authUrl, token)];
      return { email, cookie, sessionToken: () => token, client, otherTab };
    },
    async control(control, body) {
      const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
      const response = await fetch(`${authUrl}/control/${control}`, init);
      if (!response.ok) throw new Error(`control ${control}: ${response.status} ${await response.text()}`);
      return response.json();
    },
  };
}

/** Of all tests that disturb no other. */
export const { url: productionUrl, signUp } = deployment("SHARED");

/** Of tests/auth.test.ts alone, which counts requests of the auth server and interrupts it. */
export const outages = deployment("OUTAGES");
