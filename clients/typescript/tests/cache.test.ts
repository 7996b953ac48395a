import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { buildSchema, getNamedType } from "graphql";
import { lifetime } from "../src/auth/jwt.js";
import { isWholeList } from "../src/cache/connections.js";
import { mutationUpdates } from "../src/cache/mutations.js";

const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.sig`;

test("the lifetime of a token does not depend on the clock", () => {
  assert.equal(lifetime(jwt({ iat: 100, exp: 1000, name: "Zoë ☃" })), 900_000);
  assert.equal(lifetime(jwt({ iat: 100, exp: 50 })), 0);
  assert.equal(lifetime("opaque"), 60_000);
});

test("a list is whole without filter and order", () => {
  assert.equal(isWholeList(null), true);
  assert.equal(isWholeList({ first: 5, after: "x", filter: null }), true);
  assert.equal(isWholeList({ filter: {} }), false);
});

test("the updates name mutations, types and lists of the schema", () => {
  const schema = buildSchema(readFileSync("src/schema/schema.graphql", "utf8"));
  const mutations = schema.getMutationType()?.getFields() ?? {};
  const queries = schema.getQueryType()?.getFields() ?? {};
  for (const [name, update] of Object.entries(mutationUpdates)) {
    const mutation = mutations[name];
    assert.ok(mutation !== undefined, name);
    assert.ok(schema.getType(update.type) !== undefined, update.type);
    for (const field of [...update.lists, ...(update.filtered ?? []), ...update.stale]) assert.ok(queries[field] !== undefined, field);
    // When a mutation gets a payload type, its line in src/cache/mutations.ts has to change.
    const expected = update.deleted === undefined ? update.type : "ID";
    assert.equal(getNamedType(mutation.type).name, expected, name);
  }
});
