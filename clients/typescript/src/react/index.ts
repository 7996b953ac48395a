/** Hooks and components for React, independent of the GraphQL client. */
export * from "./per-user.js";
export * from "./provider.js";
export * from "./can.js";
export * from "./fields.js";
export * from "./locked.js";
