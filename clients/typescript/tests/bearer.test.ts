import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bearerToken, type BearerCredentials, type SessionChange, type Token } from "../src/auth/index.js";

const ended = { code: "UNAUTHENTICATED" };

function watch(credentials: BearerCredentials): readonly SessionChange[] {
  const changes: SessionChange[] = [];
  credentials.onChange((change) => changes.push(change));
  return changes;
}

const ways: Readonly<Record<string, (token: Token) => Promise<Token> | Token>> = {
  "a token": (token) => token,
  "a promise": async (token) => token,
};

for (const [way, given] of Object.entries(ways)) {
  test(`${way}: none has no header`, async () => {
    for (const token of [null, undefined]) assert.deepEqual(await bearerToken(() => given(token)).headers(), {});
  });

  test(`${way}: its end ends the session`, async () => {
    let token: Token = "one";
    const credentials = bearerToken(() => given(token));
    const changes = watch(credentials);
    assert.deepEqual(await credentials.headers(), { authorization: "Bearer one" });
    token = undefined;
    credentials.changed();
    credentials.changed();
    await sleep(1); // a request that waits for a change is one of the last user
    assert.deepEqual(await credentials.headers(), {});
    token = "two";
    credentials.changed();
    assert.deepEqual(await credentials.headers(), { authorization: "Bearer two" });
    assert.deepEqual(changes, ["ended", "changed", "changed"]);
  });

  test(`${way}: the end is noticed without a report`, async () => {
    let token: Token = "one";
    const credentials = bearerToken(() => given(token));
    const changes = watch(credentials);
    await credentials.headers();
    token = null;
    await assert.rejects(credentials.headers(), ended);
    assert.deepEqual(await credentials.headers(), {});
    assert.deepEqual(changes, ["ended"]);
  });
}

test("a report without a first token ends nothing", () => {
  const credentials = bearerToken(() => null);
  const changes = watch(credentials);
  credentials.changed();
  assert.deepEqual(changes, ["changed"]);
});

test("a request of the last user is not sent", async () => {
  let answers: ((token: Token) => void)[] = [];
  const credentials = bearerToken(() => new Promise((resolve) => answers.push(resolve)));
  const changes = watch(credentials);
  const answer = (...tokens: Token[]): void => {
    const waiting = answers;
    answers = [];
    tokens.forEach((token, index) => waiting[index]?.(token));
  };
  const first = credentials.headers();
  answer("one");
  await first;
  const sent = credentials.headers();
  credentials.changed();
  answer("two", "two");
  await assert.rejects(sent, ended);
  assert.deepEqual(changes, ["changed"]);
});

test("a token that fails may be another user's", async () => {
  let token: Promise<Token> = Promise.resolve("one");
  const credentials = bearerToken(() => token);
  const changes = watch(credentials);
  await credentials.headers();
  token = Promise.reject(new Error("no network"));
  credentials.changed();
  await sleep(5);
  assert.deepEqual(changes, ["changed"]);
});
