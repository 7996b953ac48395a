export * from "./codes.js";
export * from "./extensions.js";
export * from "./error.js";
export * from "./parse.js";
export * from "./fields.js";
export { parseCommon } from "./parsers.js";
