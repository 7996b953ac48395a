// A Better Auth server for Hallpass: sign-up by e-mail address, bearer tokens, JWTs, roles, and pushed revocations.
//
//   AUTH_URL               the origin that browsers use, and the issuer of JWTs
//   AUTH_PORT              the port to listen on; default 3000
//   AUTH_DATABASE_URL      a PostgreSQL database of its own
//   BETTER_AUTH_SECRET     the secret of cookies and of stored keys
//   TRUSTED_ORIGINS        origins of web pages that may sign in, comma-separated
//   HALLPASS_URL           the origin of Hallpass; left out, nothing is pushed
//   REVOCATION_SECRET      the secret of pushed revocations, the same as at Hallpass
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { admin, bearer, jwt } from "better-auth/plugins";
import pg from "pg";
import { revocations } from "./revocation-hook.mjs";

const required = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
};
const { AUTH_PORT = "3000", HALLPASS_URL, TRUSTED_ORIGINS = "" } = process.env;
const trustedOrigins = TRUSTED_ORIGINS.split(",").filter(Boolean);
const database = new pg.Pool({ connectionString: required("AUTH_DATABASE_URL") });
// An idle connection that is lost: the pool opens another one. Without a listener, it would end the process.
database.on("error", (error) => console.error(`the database closed a connection: ${error.message}`));

const options = {
  baseURL: required("AUTH_URL"),
  secret: required("BETTER_AUTH_SECRET"),
  trustedOrigins,
  database,
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  user: {
    additionalFields: {
      // Users do not choose their own tier: the operator does.
      tier: { type: "string", required: false, defaultValue: "free", input: false },
    },
  },
  plugins: [
    bearer(),
    jwt(),
    admin(),
    HALLPASS_URL &&
      revocations({ url: new URL("/revocations", HALLPASS_URL).href, secret: required("REVOCATION_SECRET") }),
  ].filter(Boolean),
};
await (await getMigrations(options)).runMigrations();

// Better Auth accepts requests of pages at trusted origins; browsers send them, with cookies, only after this (CORS).
function allowOrigin({ headers: { origin } }, response) {
  response.setHeader("vary", "Origin");
  if (!trustedOrigins.includes(origin)) return;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-allow-credentials", "true");
  response.setHeader("access-control-allow-headers", "authorization, content-type");
  response.setHeader("access-control-max-age", "7200");
}

const answer = toNodeHandler(betterAuth(options));
const server = createServer((request, response) => {
  allowOrigin(request, response);
  if (request.method === "OPTIONS") return response.writeHead(204).end();
  if (request.url === "/health") return response.end("ok\n");
  return answer(request, response);
});
server.listen(Number(AUTH_PORT), () => console.log(`Better Auth answers on port ${server.address().port}`));

process.on("SIGTERM", () => server.close(() => database.end()));
