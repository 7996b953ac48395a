export type { TypedDocument, TypedRequest, TypedVariables } from "./documents.js";
export * from "./executor.js";
export * from "./fetch.js";
export type { RetryOptions } from "./retry.js";
