import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import { after, before, beforeEach, test } from "node:test";
import { bearerToken } from "../src/auth/bearer.js";
import { createExecutor } from "../src/http/executor.js";
import { hallpassFetch, type FetchOptions } from "../src/http/fetch.js";

type Answer = readonly [status: number, body: unknown, headers?: Record<string, string>];

let server: Server;
let url = "";
let answers: Answer[] = [];
let received: IncomingMessage[] = [];
let waits: number[] = [];

before(async () => {
  server = createServer((request: IncomingMessage, response: ServerResponse) => {
    received.push(request.resume());
    const [status, body, headers = {}] = answers.shift() ?? [200, { data: {} }];
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  url = typeof address === "object" && address !== null ? `http://127.0.0.1:${address.port}` : "";
});
after(() => server.close());
beforeEach(() => {
  [answers, received, waits] = [[], [], []];
});

const failure = (status: number, code: string, headers?: Record<string, string>): Answer => [
  status,
  { errors: [{ message: code, extensions: { code } }] },
  headers ?? {},
];

async function send(query: string, options: FetchOptions = {}, headers: Record<string, string> = {}): Promise<number> {
  const wait = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  const request = hallpassFetch({ retry: { attempts: 2, wait }, ...options });
  return (await request(url, { method: "POST", body: JSON.stringify({ query }), headers })).status;
}

test("Retry-After is honored", async () => {
  answers = [failure(503, "UNAVAILABLE", { "retry-after": "7" })];
  assert.equal(await send("{ a }"), 200);
  assert.equal(waits.length, 1);
  assert.ok((waits[0] ?? 0) >= 7000 && (waits[0] ?? 0) <= 7250, `${waits[0]}`);
});

test("attempts are limited", async () => {
  answers = [1, 2, 3, 4].map(() => failure(429, "RATE_LIMITED", { "retry-after": "1" }));
  assert.equal(await send("{ a }"), 429);
  assert.equal(received.length, 3);
});

test("a wait that is too long is not waited for", async () => {
  answers = [failure(429, "RATE_LIMITED", { "retry-after": "86400" })];
  assert.equal(await send("{ a }"), 429);
  assert.deepEqual(waits, []);
});

test("a mutation is sent again only if nothing was executed", async () => {
  answers = [failure(503, "TIMEOUT")];
  assert.equal(await send("mutation { a }"), 503);
  answers = [failure(503, "AUTH_UNAVAILABLE")];
  assert.equal(await send("mutation { a }"), 200);
  answers = [[503, "a proxy's page"]];
  assert.equal(await send("mutation { a }"), 503);
  answers = [failure(503, "TIMEOUT")];
  assert.equal(await send("mutation { a }", {}, { "idempotency-key": "k" }), 200);
});

test("other statuses are final", async () => {
  for (const answer of [failure(500, "INTERNAL"), failure(400, "QUERY_REJECTED"), failure(403, "FORBIDDEN")]) {
    answers = [answer];
    assert.equal(await send("{ a }"), answer[0]);
  }
  assert.equal(received.length, 3);
});

test("a rejected token is renewed once", async () => {
  const tokens = ["old", "new"];
  const credentials = bearerToken(() => tokens[0] ?? null, () => void tokens.shift());
  answers = [failure(401, "UNAUTHENTICATED")];
  assert.equal(await send("mutation { a }", { credentials }), 200);
  assert.deepEqual(received.map(({ headers }) => headers.authorization), ["Bearer old", "Bearer new"]);
});

test("the same token is not sent twice, and no token not at all", async () => {
  answers = [failure(401, "UNAUTHENTICATED"), failure(401, "UNAUTHENTICATED")];
  assert.equal(await send("{ a }", { credentials: bearerToken(() => "same") }), 401);
  assert.equal(received.length, 1);
  assert.equal(await send("{ a }"), 401);
  assert.equal(received.length, 2);
});

test("a request that waits is not sent again for another user", async () => {
  const credentials = bearerToken(() => "token");
  answers = [failure(503, "AUTH_UNAVAILABLE")];
  const retry = { attempts: 2, wait: async (): Promise<void> => credentials.changed() };
  await assert.rejects(send("mutation { a }", { credentials, retry }), { code: "UNAUTHENTICATED" });
  assert.equal(received.length, 1);
});

test("the application is named", async () => {
  await send("{ a }", { client: { name: "web", version: "1.2" } });
  assert.equal(received[0]?.headers["graphql-client-name"], "web");
  assert.equal(received[0]?.headers["graphql-client-version"], "1.2");
});

test("a request that is aborted fails with the reason", async () => {
  const abort = new AbortController();
  const send = createExecutor({
    url: "http://api.test",
    fetch: (_input, init) => new Promise((_resolve, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason))),
  });
  const sent = send({ query: "{ __typename }" }, abort.signal);
  setTimeout(() => abort.abort(), 5);
  await assert.rejects(sent, { name: "AbortError" });
});
