import assert from "node:assert/strict";
import { test } from "node:test";
import { hasMutation, mayChange } from "../src/http/operation.js";

test("a document has a mutation where a definition may begin", () => {
  assert.equal(hasMutation("mutation { deleteTask(id: 1) }"), true);
  assert.equal(hasMutation("query A { me { id } } mutation B($m: ID = \"}\") { deleteTask(id: $m) }"), true);
  assert.equal(hasMutation("# mutation\nquery { mutation: me { id } }"), false);
  assert.equal(hasMutation('{ task(id: "} mutation {") { id } }'), false);
  assert.equal(hasMutation('{ task(id: """\n} mutation "x" {\n""") { id } }'), false);
  assert.equal(hasMutation("{ me { mutation } }"), false);
});

test("a request without a known document may change something", () => {
  const post = (body: unknown): RequestInit => ({ method: "POST", body: JSON.stringify(body) });
  assert.equal(mayChange(post({ query: "{ me { id } }" })), false);
  assert.equal(mayChange(post({ query: "mutation { a }" })), true);
  assert.equal(mayChange(post({ documentId: "abc" })), true);
  assert.equal(mayChange({ method: "POST", body: "not JSON" }), true);
  assert.equal(mayChange({ method: "GET" }), false);
  assert.equal(mayChange(undefined), false);
});
