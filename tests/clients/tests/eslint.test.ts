import assert from "node:assert/strict";
import { test } from "node:test";
import { lint, lintText, RELAY, SCHEMA, type Finding } from "./lint.js";

/** File, rule, and message of findings that are no defects. Each one occurs. */
const EXCEPTIONS: readonly (readonly [string, string, RegExp])[] = [
  // Descriptions of one line are printed as texts, longer ones as blocks.
  [SCHEMA, "description-style", /^Unexpected inline description for /],
  // What `node(id:)` returns has an ID: the interface requires it. Other types are parts of an object or a response.
  [SCHEMA, "strict-id-in-types", /^type "\w+" must have exactly one non-nullable unique identifier/],
  // Lists that are read as a whole have no pages, and a connection has its nodes beside its edges.
  [SCHEMA, "relay-edge-types", /^A list type should only wrap an edge type\.$/],
  // The type's name is not a word of the field's.
  [SCHEMA, "no-typename-prefix", /^Field "method" starts with the name of the parent type "Me"$/],
  // Relay's compiler requires names that begin with the module's and end with the kind of the operation.
  [RELAY, "naming-convention", /^(Query|Mutation|Subscription) "documents\w+" should not have "\1" suffix$/],
  [RELAY, "naming-convention", /^Fragment "documents[A-Z]\w+_\w+" should be in PascalCase format$/],
  // Relay's compiler has these directives and this field.
  [RELAY, "known-directives", /^Unknown directive "@(connection|refetchable|throwOnFieldError|\w+Edge|deleteRecord)"\.$/],
  [RELAY, "fields-on-correct-type", /^Cannot query field "__id" on type "TaskConnection"\.$/],
];

const isException = (finding: Finding, [file, rule, message]: (typeof EXCEPTIONS)[number]): boolean =>
  finding.file === file && finding.rule === rule && message.test(finding.message);

const found = await lint();
const defects = found.filter((finding) => !EXCEPTIONS.some((exception) => isException(finding, exception)));

test("the schema follows the recommended rules and those of Relay", () => {
  assert.deepEqual(defects.filter(({ file }) => file === SCHEMA), []);
});

test("operations follow the recommended rules", () => {
  assert.deepEqual(defects.filter(({ file }) => file !== SCHEMA), []);
});

test("each exception occurs", () => {
  assert.deepEqual(EXCEPTIONS.filter((exception) => !found.some((finding) => isException(finding, exception))), []);
});

test("an operation in a module that breaks rules is found", async () => {
  const text = "export const Broken = graphql(`query Broken { taskStats { nope } task(id: 1) { description } }`);";
  const rules = (await lintText(text, "examples/web/src/tasks/documents.ts")).map(({ rule }) => rule);
  assert.deepEqual(rules.sort(), ["fields-on-correct-type", "no-deprecated", "require-selections"]);
});
