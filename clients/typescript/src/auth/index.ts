export * from "./credentials.js";
export * from "./token.js";
export type { AuthClient, AuthEndpoint } from "./token-source.js";
