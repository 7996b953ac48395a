// Subscriptions of Apollo Client that fail.
import assert from "node:assert/strict";
import { test } from "node:test";
import { anonymous, bearerToken, firstError, type Credentials } from "@hallpass/client";
import { createHallpassApollo } from "@hallpass/client/apollo";
import { TASK_EVENTS } from "../src/documents.js";
import { productionUrl, liveUrl, until, webSocketImpl } from "./support.js";

/** The error with which the subscription ends. */
async function failure(credentials: Credentials): Promise<unknown> {
  const { client, close } = createHallpassApollo({
    url: productionUrl,
    liveUrl: liveUrl(productionUrl),
    liveOptions: { options: { webSocketImpl } },
    credentials,
  });
  let error: unknown;
  const events = client.subscribe({ query: TASK_EVENTS }).subscribe((result) => void (error ??= result.error));
  await until("the error", () => error !== undefined);
  events.unsubscribe();
  close();
  return error;
}

test("a rejected credential is UNAUTHENTICATED", async () => {
  const error = await failure(bearerToken(() => "no.no.no"));
  const found = firstError(error);
  assert.equal(found?.code, "UNAUTHENTICATED");
  assert.equal(found.message, "The credential was rejected: sign in again.");
  assert.ok(error instanceof Error && error.message === found.message);
});

test("a denied subscription has its field's error", async () => {
  const found = firstError(await failure(anonymous()));
  assert.equal(found?.code, "UNAUTHENTICATED");
  assert.equal(found.extensions.rule, "SIGNED_IN");
});
