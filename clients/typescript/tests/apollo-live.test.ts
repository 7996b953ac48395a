import assert from "node:assert/strict";
import { test } from "node:test";
import { ApolloClient, gql, InMemoryCache } from "@apollo/client";
import type { Client } from "graphql-ws";
import { liveLink } from "../src/apollo/live.js";
import { firstError } from "../src/errors/parse.js";

/** A socket that ends each subscription with this. */
const failing = (error: unknown): Client => ({
  subscribe: (_payload, sink) => {
    queueMicrotask(() => sink.error(error));
    return () => undefined;
  },
  iterate: () => assert.fail(),
  on: () => () => undefined,
  terminate: () => undefined,
  dispose: () => undefined,
});

/** The code and the text of the error that Apollo Client reports. */
async function reported(error: unknown): Promise<readonly unknown[]> {
  const client = new ApolloClient({ link: liveLink(failing(error)), cache: new InMemoryCache() });
  const result = await new Promise<{ readonly error?: unknown }>((resolve) => {
    client.subscribe({ query: gql("subscription { events { id } }") }).subscribe(resolve);
  });
  const found = firstError(result.error);
  return [found?.code, found?.message];
}

const closes = { 4401: "UNAUTHENTICATED", 4403: "UNAUTHENTICATED", 1013: "UNAVAILABLE", 1001: "UNAVAILABLE", 1008: "NETWORK_ERROR" };

for (const [code, expected] of Object.entries(closes)) {
  test(`Apollo: a close with ${code} is ${expected}`, async () => {
    assert.deepEqual(await reported({ code: Number(code), reason: "The reason." }), [expected, "The reason."]);
  });
}

test("Apollo: errors of an operation are their own", async () => {
  const error = { message: "No.", extensions: { code: "FORBIDDEN" } };
  assert.deepEqual(await reported([error]), ["FORBIDDEN", "No."]);
});
