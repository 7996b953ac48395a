// The Better Auth under test, set up as an application would.
import { apiKey } from "@better-auth/api-key";
import { oauthProvider } from "@better-auth/oauth-provider";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { admin, anonymous, bearer, customSession, jwt, lastLoginMethod, organization } from "better-auth/plugins";
import { handOver, revocations } from "./revocation-hook.mjs";
import { sqliteDialect } from "./sqlite.mjs";

const versionedSecret = (entry) => {
  const [number, value] = entry.split(/:(.*)/s);
  return { version: Number(number), value };
};

// Keys that live for seconds are for tests only: the plugin's own minimum is a day.
const apiKeyOptions = (options) => ({
  enableSessionForAPIKeys: true,
  rateLimit: { enabled: false },
  keyExpiration: { minExpiresIn: 0 },
  ...options,
});

// What Redis is elsewhere.
function inMemory() {
  const values = new Map();
  return {
    get: async (key) => values.get(key) ?? null,
    set: async (key, value) => void values.set(key, value),
    delete: async (key) => void values.delete(key),
  };
}

export async function buildAuth(config, origin) {
  const auth = betterAuth({
    baseURL: origin,
    trustedOrigins: [origin],
    secret: config.secret ?? "hallpass-better-auth-test-secret-0123456789",
    secrets: config.secrets?.map(versionedSecret),
    database: config.stateless ? undefined : { dialect: await sqliteDialect(), type: "sqlite" },
    secondaryStorage: config.secondaryStorage && inMemory(),
    emailAndPassword: { enabled: true },
    user: {
      additionalFields: {
        softwareBackground: { type: "string", required: false, input: true },
        hardwareBackground: { type: "string", required: false, input: true },
        interestArea: { type: "string", required: false, input: true },
        // As long as a test likes: it makes the cookie cache too large for one cookie.
        biography: { type: "string", required: false, input: true },
        // Better Auth keeps it to itself, except in the session of an API key.
        secretNote: { type: "string", required: false, input: true, returned: false },
        // Users do not choose their own tier: the operator does.
        tier: { type: "string", required: false, defaultValue: "free", input: false },
      },
    },
    session: config.cookieCache
      ? { cookieCache: { enabled: true, strategy: "compact", maxAge: 300, ...config.cookieCache } }
      : {},
    advanced: {
      useSecureCookies: config.secureCookies,
      cookiePrefix: config.cookiePrefix,
      cookies: config.sessionCookie && { session_token: { name: config.sessionCookie } },
      ipAddress: config.ipAddressHeaders && { ipAddressHeaders: config.ipAddressHeaders },
    },
    rateLimit: { enabled: config.rateLimit ?? false },
    telemetry: { enabled: false },
    plugins: [
      config.revocations && revocations(config.revocations),
      config.lastLoginMethod && lastLoginMethod({ storeInDatabase: true }),
      config.bearer !== false && bearer({ requireSignature: config.bearerRequireSignature }),
      admin(),
      config.jwt !== false && jwt({
        jwks: {
          keyPairConfig: config.algorithm && { alg: config.algorithm },
          rotationInterval: config.rotationInterval,
        },
        jwt: {
          issuer: config.issuer,
          audience: config.audience,
          expirationTime: config.jwtLifetime,
          ...(config.jwtSubject && { getSubject: ({ user }) => user[config.jwtSubject] }),
          ...(config.jwtStatesImpersonator && {
            definePayload: ({ user, session }) => ({ ...user, impersonatedBy: session.impersonatedBy }),
          }),
        },
        sessionCookieCache: config.sessionCookieCache,
      }),
      config.anonymous && anonymous({
        emailDomainName: config.anonymous.emailDomainName,
        onLinkAccount: config.revocations &&
          handOver({ ...config.revocations, url: new URL("/identities/link", config.revocations.url).href }),
      }),
      config.organization && organization(),
      config.apiKeys &&
        apiKey(Array.isArray(config.apiKeys) ? config.apiKeys.map(apiKeyOptions) : apiKeyOptions(config.apiKeys)),
      config.oauth && oauthProvider({
        loginPage: "/sign-in",
        consentPage: "/consent",
        scopes: ["openid", "profile", "email", "offline_access", "read:tasks", "write:tasks", "tasks:read", "tasks:write"],
        clientPrivileges: () => true, // without it no client gets scopes for client_credentials
        ...config.oauth,
      }),
      config.customSession &&
        customSession(async ({ user, session }) => ({
          other: { me: user },
          partial: { user: { email: user.email }, session },
        })[config.customSession] ?? { roles: user.role.split(","), user, session }),
    ].filter(Boolean),
  });
  if (!config.stateless) await (await getMigrations(auth.options)).runMigrations();
  return auth;
}
