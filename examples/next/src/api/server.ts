import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { anonymous, createExecutor, type Credentials } from "@hallpass/client";
import { headers } from "next/headers";
import { getSession } from "@/auth/server";
import { run, type Result } from "./run";

/** How long a rendering waits for the API. Milliseconds. */
const TIMEOUT = 8_000;

/** The cookies of Better Auth's session, as the browser sent them. The API needs no others. */
function sessionCookies(cookie: string): string {
  const pairs = cookie.split(/; */);
  return pairs.filter((pair) => /^(__Secure-)?better-auth\.session_/.test(pair)).join("; ");
}

function forwarded(cookie: string): Credentials {
  return { mode: "omit", headers: async () => ({ cookie }), renew: () => undefined };
}

/** The caller of the API is the user whose browser requested the page. */
async function credentials(): Promise<Credentials> {
  if ((await getSession()) === null) return anonymous();
  return forwarded(sessionCookies((await headers()).get("cookie") ?? ""));
}

/** Queries the API while a page is rendered. The response is that of one user: it is not cached. */
export async function query<Data, Variables extends Record<string, unknown>>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Result<Data>> {
  const execute = createExecutor({
    url: `${process.env["API_URL"]}/graphql`,
    credentials: await credentials(),
    client: { name: "next-example" },
    // The page states the error at once, and the user decides when to try again.
    retry: false,
    fetch: (input, init) => fetch(input, { ...init, cache: "no-store" }),
  });
  return run(execute, document, variables, AbortSignal.timeout(TIMEOUT));
}
