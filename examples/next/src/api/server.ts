/** Queries of the API while a page is rendered. */
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { anonymous, createExecutor, type Credentials } from "@hallpass/client";
import { headers } from "next/headers";
import { getSession } from "@/auth/server";
import { required } from "@/env";
import { run, type Result } from "./run";

type Variables = Record<string, unknown>;

/** How long a rendering waits for the API. Milliseconds. */
const TIMEOUT = 8_000;

/** How long public data is cached. Seconds. */
const PUBLIC_AGE = 60;

function send<Data, V extends Variables>(
  document: TypedDocumentNode<Data, V>,
  variables: V,
  credentials: Credentials,
  caching: RequestInit,
): Promise<Result<Data>> {
  const execute = createExecutor({
    url: `${required("API_URL")}/graphql`,
    credentials,
    client: { name: "next-example" },
    // The page states the error at once, and the user decides when to try again.
    retry: false,
    fetch: (input, init) => fetch(input, { ...init, ...caching }),
  });
  return run(execute, document, variables, AbortSignal.timeout(TIMEOUT));
}

/** The cookies of Better Auth's session, as the browser sent them. The API needs no others. */
function sessionCookies(cookie: string): string {
  const pairs = cookie.split(/; */);
  return pairs.filter((pair) => /^(__Secure-)?better-auth\.session_/.test(pair)).join("; ");
}

/** The caller of the API is the user whose browser requested the page. */
async function forwarded(): Promise<Credentials> {
  if ((await getSession()) === null) return anonymous();
  const cookie = sessionCookies((await headers()).get("cookie") ?? "");
  return { mode: "omit", headers: async () => ({ cookie }), renew: () => undefined };
}

/** Queries as the user. The response is that of one user: it is never cached. */
export async function query<Data, V extends Variables>(document: TypedDocumentNode<Data, V>, variables: V): Promise<Result<Data>> {
  return send(document, variables, await forwarded(), { cache: "no-store" });
}

/** Queries as a visitor. The response is that of every visitor: one request is made for all of them. */
export function queryPublic<Data, V extends Variables>(document: TypedDocumentNode<Data, V>, variables: V): Promise<Result<Data>> {
  return send(document, variables, anonymous(), { next: { revalidate: PUBLIC_AGE } });
}
