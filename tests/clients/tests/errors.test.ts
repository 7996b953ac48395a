import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bearerToken,
  createExecutor,
  fieldErrors,
  firstError,
  hallpassErrors,
  hallpassFetch,
  missingTier,
  toHallpassError,
  type HallpassError,
} from "@hallpass/client";
import { rules, type GuardedField } from "@hallpass/client/schema";
import { GraphQLClient } from "graphql-request";
import { CHAPTER, CREATE_TASK, DELETE_TASK, ME, UPDATE_TASK } from "../src/documents.js";
import { developmentUrl, executor, persona, personaToken, productionUrl, unique } from "./support.js";

const request = (name: "free" | "premium" | "editor" | "admin"): GraphQLClient =>
  new GraphQLClient(developmentUrl, { fetch: hallpassFetch({ credentials: persona(name) }) });

async function failure(promise: Promise<unknown>): Promise<HallpassError> {
  try {
    await promise;
  } catch (error) {
    return toHallpassError(error);
  }
  return assert.fail("it did not fail");
}

test("FORBIDDEN states the rule of the schema and the missing tier", async () => {
  const error = await failure(request("free").request(CHAPTER, { slug: await lockedChapter() }));
  assert.equal(error.code, "FORBIDDEN");
  const field: GuardedField = "Chapter.personalized";
  assert.equal(error.extensions.rule, rules[field].rule);
  assert.equal(missingTier(error.extensions.missing), "premium");
  assert.match(error.extensions.decisionId ?? "", /^[0-9a-f-]{36}$/);
  assert.deepEqual(error.path, ["chapter", "personalized"]);
});

async function lockedChapter(): Promise<string> {
  const { data } = await executor("free")({ query: "{ chapters(first: 50) { nodes { slug requiredTier } } }" });
  const text = JSON.stringify(data);
  const slug = /"slug":"([^"]+)","requiredTier":"premium"/.exec(text)?.[1];
  return slug ?? assert.fail(text);
}

test("fieldErrors maps input paths to messages", async () => {
  const tags = ["fine", "x".repeat(41)];
  const error = await failure(request("free").request(CREATE_TASK, { input: { title: "", tags } }));
  assert.equal(error.code, "BAD_USER_INPUT");
  assert.deepEqual(Object.keys(fieldErrors(error)).sort(), ["input.tags.1", "input.title"]);
  const problems = new Map(error.extensions.problems.map((problem) => [problem.path, problem]));
  assert.equal(problems.get("input.title")?.problem, "REQUIRED");
  assert.deepEqual([problems.get("input.tags.1")?.problem, problems.get("input.tags.1")?.limit], ["TOO_LONG", 40]);
});

test("CONFLICT states the current version", async () => {
  const client = request("free");
  const created = await client.request(CREATE_TASK, { input: { title: unique("conflict") } });
  const { id } = created.createTask.edge.node;
  await client.request(UPDATE_TASK, { id, input: { title: unique("changed") } });
  const stale = client.request(UPDATE_TASK, { id, input: { title: unique("stale") }, expectedVersion: 1 });
  const error = await failure(stale);
  assert.equal(error.code, "CONFLICT");
  assert.equal(error.extensions.currentVersion, 2);
});

test("NOT_FOUND is the error of another user's row", async () => {
  const created = await request("free").request(CREATE_TASK, { input: { title: unique("private") } });
  const error = await failure(request("premium").request(DELETE_TASK, { id: created.createTask.edge.node.id }));
  assert.equal(error.code, "NOT_FOUND");
});

test("an anonymous caller gets UNAUTHENTICATED of the field", async () => {
  const error = await failure(new GraphQLClient(developmentUrl).request(ME));
  assert.equal(error.code, "UNAUTHENTICATED");
  assert.equal(error.extensions.rule, "SIGNED_IN");
  assert.deepEqual(error.path, ["me"]);
});

test("a rejected credential gets UNAUTHENTICATED of the request", async () => {
  const bad = createExecutor({ url: developmentUrl, credentials: bearerToken(() => "not-a-token") });
  const error = firstError(await bad({ query: "{ viewer { id } }" }));
  assert.equal(error?.code, "UNAUTHENTICATED");
  assert.deepEqual(error?.path, []);
});

test("documents have their codes", async () => {
  const execute = executor("free");
  const codes = async (query: string): Promise<string[]> => hallpassErrors(await execute({ query })).map(({ code }) => code);
  assert.deepEqual(await codes("{ tasks {"), ["GRAPHQL_PARSE_FAILED"]);
  assert.deepEqual(await codes("{ tasks { nope } }"), ["GRAPHQL_VALIDATION_FAILED"]);
  const deep = "{ task(id: \"x\") { id } ".repeat(1) + Array.from({ length: 40 }, (_, i) => `a${i}: viewer { id }`).join(" ") + "}";
  assert.deepEqual(await codes(deep), ["QUERY_REJECTED"]);
});

test("a server that does not respond is NETWORK_ERROR", async () => {
  const execute = createExecutor({ url: "http://127.0.0.1:9/graphql" });
  assert.equal((await failure(execute({ query: "{ viewer { id } }" }))).code, "NETWORK_ERROR");
});

test("RATE_LIMITED states when to come back, and the client then does", async () => {
  const waits: number[] = [];
  const pages = "{ publicTasks(first: 100) { nodes { id title viewer { canUpdate } } } }";
  const once = createExecutor({ url: productionUrl, retry: false });
  let limited: HallpassError | undefined;
  for (let request = 0; request < 20 && limited === undefined; request += 1) {
    limited = firstError(await once({ query: pages }));
  }
  assert.equal(limited?.code, "RATE_LIMITED");
  const seconds = limited.extensions.retryAfterSeconds ?? 0;
  assert.ok(seconds > 0, `${seconds}`);

  const wait = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  const patient = createExecutor({ url: productionUrl, retry: { attempts: 1, maxWait: 600_000, wait } });
  await patient({ query: pages });
  assert.equal(waits.length, 1);
  assert.ok((waits[0] ?? 0) >= 1000 && Math.abs((waits[0] ?? 0) / 1000 - seconds) < 5, `${waits[0]} ms, ${seconds} s`);
});

test("graphql-request sends the token of the credentials", async () => {
  const { me } = await request("premium").request(ME);
  assert.equal(me.method, "JWT");
  assert.ok(personaToken("premium").length > 20);
});
