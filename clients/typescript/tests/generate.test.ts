import assert from "node:assert/strict";
import { execFileSync, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { strictSchema } from "../src/generate/strict.js";

let directory = "";
before(() => {
  directory = mkdtempSync(join(tmpdir(), "hallpass-generate-"));
});
after(() => rmSync(directory, { recursive: true }));

const cli = ".tests/src/generate/cli.js";
const run = (...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [cli, ...args], { encoding: "utf8" });

test("a field with @semanticNonNull becomes non-null, at its levels", () => {
  const strict = strictSchema(`
    directive @semanticNonNull(levels: [Int!]! = [0]) on FIELD_DEFINITION
    directive @access(rule: String!) on FIELD_DEFINITION
    type Query {
      plain: String
      value: String @access(rule: "OWNER") @semanticNonNull
      list: [String] @semanticNonNull
      items: [String]! @semanticNonNull(levels: [1])
      both: [[String]] @semanticNonNull(levels: [0, 2])
    }
  `);
  assert.match(strict, /plain: String\n/);
  assert.match(strict, /value: String! @access\(rule: "OWNER"\)\n/);
  assert.match(strict, /list: \[String\]!\n/);
  assert.match(strict, /items: \[String!\]!\n/);
  assert.match(strict, /both: \[\[String!\]\]!\n/);
  assert.doesNotMatch(strict, /semanticNonNull/);
});

/** The schema of another application, with an access table in the form of `hallpass access --json`. */
function anotherApplication(): string[] {
  const [schema, access] = [join(directory, "schema.graphql"), join(directory, "access.json")];
  writeFileSync(schema, readFileSync("../../examples/notes/schema.graphql"));
  const cells = [{ caller: "free", answer: "allowed" }, { caller: "guest", answer: "NOT_TODAY" }];
  writeFileSync(access, JSON.stringify({ rows: [{ field: "Query.notes", rule: "SIGNED_IN", cells }], tiers: ["one"] }));
  return ["generate", "--schema", schema, "--access", access, "--out", join(directory, "out")];
}

test("the schema of any application is generated and checked", async () => {
  const args = [...anotherApplication(), "--error-code", "QUOTA"];
  const written = run(...args);
  assert.equal(written.status, 0, written.stderr);
  const module = readFileSync(join(directory, "out/index.ts"), "utf8");
  assert.match(module, /"Query.notes": \{\s+"rule": "SIGNED_IN"/);
  for (const code of ["QUOTA", "NOT_TODAY", "CONFLICT"]) assert.ok(module.includes(`  "${code}",\n`) || module.includes(`  "${code}"\n`), code);
  assert.match(module, /"field": "notes"/);
  assert.match(module, /export const actions = \[\] as const/);

  assert.equal(run(...args, "--check").status, 0);
  writeFileSync(join(directory, "out/schema.strict.graphql"), "type Query { other: Int }\n");
  const stale = run(...args, "--check");
  assert.equal(stale.status, 1);
  assert.match(stale.stderr, /Not up to date: .*schema\.strict\.graphql/);
});

test("wrong arguments end with 2 and the usage", () => {
  for (const args of [[], ["generate"], ["generate", "--nope"], ["generate", "--schema", "a", "--out", "b"]]) {
    const result = run(...args);
    assert.equal(result.status, 2, args.join(" "));
    assert.match(result.stderr, /Usage: hallpass-client generate/);
  }
});

test("a program that fails, and a table that is none, end with 1", () => {
  const out = join(directory, "none");
  assert.equal(run("generate", "--server-command", "false", "--out", out).status, 1);
  writeFileSync(join(directory, "empty.json"), "{}");
  const [schema, access] = [join(directory, "schema.graphql"), join(directory, "empty.json")];
  writeFileSync(schema, "type Query { a: Int }");
  const result = run("generate", "--schema", schema, "--access", access, "--out", out);
  assert.equal(result.status, 1);
  assert.match(result.stderr, /is not an access table/);
});

test("a program that is missing is named, with the option", () => {
  const result = run("generate", "--server-command", "target/debug/no-such-server", "--out", join(directory, "missing"));
  assert.equal(result.status, 1);
  assert.match(result.stderr, /The program target\/debug\/no-such-server was not found\. .*--server-command/);
});

test("a schema without access rules is generated", () => {
  const [schema, access, out] = ["open.graphql", "open.json", "open"].map((name) => join(directory, name));
  assert.ok(schema !== undefined && access !== undefined && out !== undefined);
  writeFileSync(schema, "type Query { a: Int }");
  writeFileSync(access, JSON.stringify({ rows: [], tiers: ["free"] }));
  const result = run("generate", "--schema", schema, "--access", access, "--out", out);
  assert.equal(result.status, 0, result.stderr);
  assert.match(readFileSync(join(out, "index.ts"), "utf8"), /export const rules = \{\} as const/);
});

test("--help prints the usage", () => {
  assert.match(execFileSync(process.execPath, [cli, "--help"], { encoding: "utf8" }), /--server-command/);
});
