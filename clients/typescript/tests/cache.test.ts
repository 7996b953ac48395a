import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { buildSchema, getNamedType, isLeafType, isListType, isNonNullType, isObjectType, type GraphQLOutputType } from "graphql";
import { lifetime } from "../src/auth/jwt.js";
import { isWholeList } from "../src/cache/connections.js";
import { createdRows, mutationUpdates, valuesOf } from "../src/cache/mutations.js";

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

/** A value of the type, as a response has it. */
function sample(type: GraphQLOutputType, depth: number): unknown {
  if (isNonNullType(type)) return sample(type.ofType, depth);
  if (isListType(type)) return [sample(type.ofType, depth)];
  if (!isObjectType(type)) return "x";
  const fields = Object.values(type.getFields()).filter((field) => depth > 0 || isLeafType(getNamedType(field.type)));
  return Object.fromEntries(fields.map((field) => [field.name, sample(field.type, depth - 1)]));
}

const schema = buildSchema(readFileSync("src/schema/schema.graphql", "utf8"));
const mutations = schema.getMutationType()?.getFields() ?? {};

test("the updates name mutations, types, lists and fields of the schema", () => {
  const queries = schema.getQueryType()?.getFields() ?? {};
  for (const [name, update] of Object.entries(mutationUpdates)) {
    assert.ok(mutations[name] !== undefined, name);
    for (const type of [update.type, ...(update.types ?? [])]) assert.ok(isObjectType(schema.getType(type)), type);
    for (const field of [...update.lists, ...(update.filtered ?? []), ...update.stale]) assert.ok(queries[field] !== undefined, field);
    for (const [type, fields] of [...Object.entries(update.staleFields?.({}) ?? {}), ...Object.entries(update.filteredFields ?? {})]) {
      const found = schema.getType(type);
      assert.ok(isObjectType(found), type);
      for (const field of fields) assert.ok(found.getFields()[field] !== undefined, `${type}.${field}`);
    }
  }
});

test("the updates find each part of the payloads", () => {
  for (const [name, mutation] of Object.entries(mutations)) {
    const type = getNamedType(mutation.type);
    assert.ok(isObjectType(type), name);
    const parts = Object.keys(type.getFields());
    const update = mutationUpdates[name];
    const payload = sample(type, 2);
    const has = (pattern: RegExp): boolean => parts.some((part) => pattern.test(part));
    assert.deepEqual(update?.deleted?.(payload) ?? [], has(/^deleted/) ? ["x"] : [], name);
    if (update !== undefined) assert.deepEqual(Object.keys(valuesOf(update, payload)), has(/^taskStats$/) ? ["taskStats"] : [], name);
    const isCreation = /^createTasks?$/.test(name);
    const created = update?.created?.(payload) ?? [];
    assert.deepEqual(created.map(({ node, cursor }) => [node["id"], cursor]), isCreation ? [["x", "x"]] : [], name);
  }
});

test("a row is created once, as an edge or without", () => {
  const created = createdRows("task", "edge");
  const [one, two] = [{ id: "1" }, { id: "2" }];
  assert.deepEqual(created({ task: one }), [{ node: one, cursor: null }]);
  assert.deepEqual(created({ task: one, edge: { cursor: "c", node: one } }), [{ node: one, cursor: "c" }]);
  assert.deepEqual(created({ edge: { cursor: "", node: one } }), [{ node: one, cursor: null }]);
  assert.deepEqual(created({ task: [one, two] }).map(({ node }) => node), [one, two]);
  assert.deepEqual(created({ taskStats: { total: 1 } }), []);
});
