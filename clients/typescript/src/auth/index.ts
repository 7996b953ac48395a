export * from "./bearer.js";
export * from "./cookie.js";
export * from "./credentials.js";
export * from "./per-user.js";
export * from "./token.js";
export type { ChangeListener, SessionChange } from "./change.js";
export type { AuthClient, AuthEndpoint } from "./source.js";
