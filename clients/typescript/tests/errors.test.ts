import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  errorFromExtensions,
  fieldErrors,
  firstError,
  hasCode,
  hallpassErrors,
  missingTier,
  serverErrorCodes,
  toHallpassError,
} from "../src/index.js";
import { asObject, parseJson } from "../src/json.js";

const graphQlError = (code: string, extensions: object = {}): object => ({
  message: `message of ${code}`,
  path: ["a", 0],
  extensions: { code, ...extensions },
});

test("the codes are those of docs/errors.md", () => {
  const page = readFileSync("../../docs/errors.md", "utf8");
  const table = page.slice(0, page.indexOf("## Input problems"));
  const rows = table.split("\n").filter((line) => line.startsWith("| `"));
  const codes = rows.flatMap((row) => row.split("|")[1]?.match(/[A-Z_]{4,}/g) ?? []);
  assert.ok(codes.length > 10);
  assert.deepEqual([...serverErrorCodes].sort(), codes.sort());
});

test("errors are found in what clients return and throw", () => {
  const error = graphQlError("FORBIDDEN", { missing: ["TIER(gold)"] });
  const forms: Record<string, unknown> = {
    error,
    list: [error],
    response: { data: null, errors: [error] },
    urql: Object.assign(new Error("[GraphQL] no"), { graphQLErrors: [error] }),
    apollo: Object.assign(new Error("no"), { errors: [error] }),
    "apollo's ServerError": Object.assign(new Error("no"), { bodyText: JSON.stringify({ errors: [error] }) }),
    "graphql-request": Object.assign(new Error("no"), { response: { errors: [error] } }),
    relay: Object.assign(new Error("no"), { source: { errors: [error] } }),
    wrapped: { error: Object.assign(new Error("no"), { networkError: { cause: { errors: [error] } } }) },
  };
  for (const [form, value] of Object.entries(forms)) {
    const found = hallpassErrors(value);
    assert.deepEqual(found.map(({ code }) => code), ["FORBIDDEN"], form);
    const [first] = found;
    assert.ok(first?.code === "FORBIDDEN" && missingTier(first.extensions.missing) === "gold", form);
    assert.deepEqual(first.path, ["a", 0], form);
  }
});

test("a value without an error has none", () => {
  for (const value of [undefined, null, "text", 7, {}, { data: { errors: 3 } }, { data: {}, error: undefined }, []]) {
    assert.deepEqual(hallpassErrors(value), [], JSON.stringify(value));
  }
});

test("an error that contains itself is read once", () => {
  const error = new Error("round");
  error.cause = error;
  assert.equal(firstError(error)?.code, "UNKNOWN_ERROR");
});

test("close codes are errors", () => {
  assert.equal(firstError({ code: 4401, reason: "revoked" })?.code, "UNAUTHENTICATED");
  assert.equal(firstError({ code: 1013, reason: "" })?.code, "UNAVAILABLE");
  assert.equal(firstError({ code: 1006, reason: "" })?.code, "NETWORK_ERROR");
});

test("a network error says what to do, and has the browser's as its cause", () => {
  const message = "The API could not be reached. Check the connection and try again.";
  for (const cause of [new TypeError("Failed to fetch"), new TypeError("Load failed"), { code: 1006, reason: "" }]) {
    const error = toHallpassError(cause);
    assert.deepEqual([error.code, error.message, error.cause], ["NETWORK_ERROR", message, cause]);
  }
  assert.equal(firstError({ code: 4400, reason: "Invalid message" })?.message, "Invalid message");
});

test("each peer is optional, as each part needs other ones", () => {
  const { peerDependencies, peerDependenciesMeta } = asObject(parseJson(readFileSync("package.json", "utf8")));
  assert.deepEqual(Object.keys(asObject(peerDependenciesMeta)).sort(), Object.keys(asObject(peerDependencies)).sort());
});

test("a code of an application is not lost", () => {
  const error = errorFromExtensions({ message: "full", extensions: { code: "QUOTA" } });
  assert.equal(error.code, "UNKNOWN_ERROR");
  assert.equal(hasCode(error, "QUOTA"), true);
  assert.equal(hasCode(error, "OTHER"), false);
});

test("extensions of a wrong type are absent", () => {
  const error = toHallpassError(graphQlError("CONFLICT", { currentVersion: "3", requestId: 7 }));
  assert.ok(error.code === "CONFLICT");
  assert.deepEqual(error.extensions, { requestId: null, currentVersion: null });
});

test("fieldErrors joins the errors of all fields", () => {
  const errors = [
    graphQlError("BAD_USER_INPUT", { fields: { "input.title": "is required", bad: 3 } }),
    graphQlError("BAD_USER_INPUT", { fields: { "input.tags.1": "is too long" } }),
    graphQlError("CONFLICT", { fields: { "input.other": "no" } }),
  ];
  assert.deepEqual(fieldErrors({ errors }), { "input.title": "is required", "input.tags.1": "is too long" });
  assert.deepEqual(fieldErrors(undefined), {});
});
