import assert from "node:assert/strict";
import { test } from "node:test";
import { errorFromExtensions, parseCommon, registerErrorCode, type CommonExtensions } from "@hallpass/client";

declare module "@hallpass/client" {
  interface ErrorExtensions {
    QUOTA: CommonExtensions & { readonly left: number };
  }
}

test("an application has error codes of its own", () => {
  const parts = { message: "The quota is used up.", extensions: { code: "QUOTA", left: 0, requestId: "r" } };
  assert.equal(errorFromExtensions(parts).code, "UNKNOWN_ERROR");
  registerErrorCode("QUOTA", (raw) => ({ ...parseCommon(raw), left: Number(raw["left"]) }));
  const error = errorFromExtensions(parts);
  assert.ok(error.code === "QUOTA");
  assert.deepEqual(error.extensions, { requestId: "r", left: 0 });
});
