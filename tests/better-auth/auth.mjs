// The Better Auth under test, set up as an application would.
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { admin, bearer, jwt } from "better-auth/plugins";
import { sqliteDialect } from "./sqlite.mjs";

export async function buildAuth(config, origin) {
  const auth = betterAuth({
    baseURL: origin,
    trustedOrigins: [origin],
    secret: config.secret ?? "hallpass-better-auth-test-secret-0123456789",
    database: { dialect: await sqliteDialect(), type: "sqlite" },
    emailAndPassword: { enabled: true },
    user: {
      additionalFields: {
        softwareBackground: { type: "string", required: false, input: true },
        hardwareBackground: { type: "string", required: false, input: true },
        interestArea: { type: "string", required: false, input: true },
        // Nobody chooses their own tier: the operator does.
        tier: { type: "string", required: false, defaultValue: "free", input: false },
      },
    },
    session: config.cookieCache
      ? { cookieCache: { enabled: true, strategy: "compact", maxAge: 300, ...config.cookieCache } }
      : {},
    advanced: { useSecureCookies: config.secureCookies, cookiePrefix: config.cookiePrefix },
    rateLimit: { enabled: config.rateLimit ?? false },
    telemetry: { enabled: false },
    plugins: [
      bearer(),
      admin(),
      ...(config.jwt === false ? [] : [jwt({
        jwks: {
          keyPairConfig: config.algorithm && { alg: config.algorithm },
          rotationInterval: config.rotationInterval,
        },
        jwt: { issuer: config.issuer, audience: config.audience },
      })]),
    ],
  });
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  return auth;
}
