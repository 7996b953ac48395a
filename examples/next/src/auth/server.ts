import { betterAuth, type BetterAuthOptions } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { nextCookies } from "better-auth/next-js";
import { jwt } from "better-auth/plugins";
import { SqliteDialect } from "kysely";
import Database from "libsql";
import { headers } from "next/headers";
import { cache } from "react";
import { required } from "@/env";

function openDatabase(): SqliteDialect {
  const database = new Database(required("AUTH_DATABASE"));
  database.exec("PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON");
  return new SqliteDialect({ database });
}

function options() {
  return {
    // Also the issuer of the JWTs, and BETTER_AUTH_URL of Hallpass.
    baseURL: required("BETTER_AUTH_URL"),
    secret: required("BETTER_AUTH_SECRET"),
    database: { dialect: openDatabase(), type: "sqlite", transaction: true },
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    user: {
      additionalFields: {
        // Users do not choose their own tier: the operator does.
        tier: { type: "string", required: false, defaultValue: "free", input: false },
      },
    },
    // `nextCookies` keeps a rendering, which cannot set cookies, from renewing the session. It must be the last one.
    plugins: [jwt(), nextCookies()],
  } satisfies BetterAuthOptions;
}

const createAuth = () => betterAuth(options());
let instance: ReturnType<typeof createAuth> | undefined;

/** Better Auth. Created at its first use: a build has no database. */
export const auth = (): ReturnType<typeof createAuth> => (instance ??= createAuth());

/** Creates the tables, and columns that are missing in them. */
export async function migrate(): Promise<void> {
  const { runMigrations } = await getMigrations(auth().options);
  await runMigrations();
}

/** The session of the request, or null. Read once for each rendering. */
export const getSession = cache(async () => {
  // First: a build, which has no database, stops here.
  const requested = await headers();
  return auth().api.getSession({ headers: requested });
});
