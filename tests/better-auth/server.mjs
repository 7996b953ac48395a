// A real Better Auth server for Hallpass's tests: `node server.mjs`, after `npm ci`.
//
// BETTER_AUTH_TEST holds its configuration as JSON; every key is optional:
//   port (0 = a free one), algorithm ("EdDSA" | "ES256" | "ES512" | "RS256" | "PS256"), secureCookies,
//   cookiePrefix, sessionCookie (its whole name), secret, secrets (["2:new", "1:old"]), jwt (true), issuer, audience,
//   jwtStatesImpersonator (true: definePayload states who acts as the user),
//   jwtLifetime (of JWTs, such as "4s"; 15 minutes),
//   rotationInterval (seconds), rateLimit (false), ipAddressHeaders
//   (["x-forwarded-for"]), bearer (true), bearerRequireSignature (false),
//   cookieCache ({"strategy": "compact" | "jwt" | "jwe", "maxAge": 300}),
//   sessionCookieCache (true: the "jwt" strategy signs with the key of JWKS),
//   customSession (true: get-session has "roles" beside "user" and "session"; "other": it has neither;
//   "partial": its "user" has no id),
//   organization (true), stateless (true: there is no database),
//   apiKeys (true, or options of the api-key plugin, or a list of them),
//   oauth (true, or options of the OAuth provider),
//   revocations ({"url", "secret"}: where revocation-hook.mjs sends its messages),
//   secondaryStorage (true: sessions are in memory and not in the database),
//   lastLoginMethod (true: every sign-in updates the user),
//   ssoApiKey (the key that GET /api/admin/users/{id} requires; without it there is no such endpoint)
//
// When it is ready it prints one line, {"url":"http://127.0.0.1:PORT"}, and nothing else on stdout.
// It ends when its stdin closes, so that it cannot outlive the test that started it, and on SIGTERM.
//
// Beside Better Auth, under /api/auth, it has two endpoints of "the application":
//   POST /api/verify-api-key       verify-api-key.mjs, with apiKeys
//   GET  /api/admin/users/{id}     user-lookup.mjs, with ssoApiKey
//
// And it has controls with which a test plays the operator:
//   POST /control/user             {"email", "role"?, "tier"?, "banned"?, "banReason"?, "banExpires"?,
//                                   "hooks"? (true: databaseHooks see it)} -> {"id"}
//   POST /control/delete-user      {"email"} -> {"id"}
//   POST /control/expire-session   {"token"} -> {"id"}
//   POST /control/forget-sessions  as if a stateless server had started again
//   POST /control/api-key          {"email", "enabled"?, and what createApiKey takes: "permissions",
//                                   "expiresIn" (seconds), "remaining", "prefix", "organizationId", "configId",
//                                   "rateLimitEnabled", "rateLimitMax", "rateLimitTimeWindow"} -> {"id", "key"}
//   POST /control/organization     {"email" of its owner} -> {"id"}
//   POST /control/add-member       {"email", "organizationId", "role"?} -> {"id"}
//   POST /control/oauth-client     {"confidential"? (true), "resource"?, "grants"?, "scopes"?,
//                                   "authMethod"?} -> {"client_id", "client_secret"?}
//   POST /control/oauth-login      {"cookie", "client_id", "client_secret"?, "scope", "resource"?, "nonce"?}
//                                   -> what the token endpoint answers
//   POST /control/rotate-keys      the next signature is by a new key
//   POST /control/withdraw-keys    JWKS has the newest key only -> {"kid"}
//   POST /control/verification-token {"email"} -> {"token"}
//   POST /control/mode             {"mode": "normal" | "error500" | "hang" | "rate-limited" | "null-session" | "html"
//                                   | "slow" | "drop-once", "retryAfter"? (10 seconds), "milliseconds"? (of "slow")}
//   GET  /control/requests         {"GET /api/auth/get-session": 2, …}
//   POST /control/reset-requests   forgets those, and the one below
//   GET  /control/last-get-session {"headers": {…}, "query": "…"}, or null
import { Console } from "node:console";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";

globalThis.console = new Console(process.stderr); // stdout belongs to the ready line
process.stdin.on("close", () => process.exit(0)).on("error", () => process.exit(0)).resume();
process.on("SIGTERM", () => process.exit(0));

const config = JSON.parse(process.env.BETTER_AUTH_TEST || "{}");
const known = ["port", "algorithm", "secureCookies", "cookiePrefix", "sessionCookie", "secret", "secrets", "jwt", "issuer",
  "audience", "jwtSubject", "jwtStatesImpersonator", "jwtLifetime", "rotationInterval", "rateLimit", "ipAddressHeaders", "bearer", "bearerRequireSignature", "cookieCache", "sessionCookieCache",
  "customSession", "anonymous", "organization", "apiKeys", "oauth", "revocations", "secondaryStorage", "stateless",
  "lastLoginMethod", "ssoApiKey"];
for (const key of Object.keys(config)) if (!known.includes(key)) throw new Error(`BETTER_AUTH_TEST: unknown key ${key}`);

// Better Auth reads the environment too. A BETTER_AUTH_SECRETS or BASE_URL left in the developer's shell
// must not change the tests, and NODE_ENV=test would switch the origin check off. Better Auth looks at
// NODE_ENV while it is being imported: hence the imports below these lines.
for (const name of Object.keys(process.env)) if (/AUTH|BASE_URL/.test(name)) delete process.env[name];
process.env.NODE_ENV = "production";
const { buildAuth } = await import("./auth.mjs");
const { controls } = await import("./controls.mjs");
const { userLookup } = await import("./user-lookup.mjs");
const { verifyApiKey } = await import("./verify-api-key.mjs");
const { APIError } = await import("better-auth/api");
const { toNodeHandler } = await import("better-auth/node");

let mode = { mode: "normal" };
let requests = {};
let lastGetSession = null;

const send = (response, status, type, body, headers = {}) =>
  response.writeHead(status, { "content-type": type, ...headers }).end(body);
const sendJson = (response, status, value, headers) =>
  send(response, status, "application/json", JSON.stringify(value), headers);

// How /api answers. The bodies of the refusals are those Better Auth itself sends.
const modes = {
  normal: (request, response, answer) => answer(request, response),
  slow: async (request, response, answer) => {
    await setTimeout(mode.milliseconds);
    return answer(request, response);
  },
  "drop-once": (request) => {
    mode = { mode: "normal" };
    request.socket.destroy();
  },
  error500: (_, response) =>
    sendJson(response, 500, { message: "Failed to get session", code: "FAILED_TO_GET_SESSION" }),
  hang: () => {},
  "rate-limited": (_, response) => {
    const headers = { "x-retry-after": `${mode.retryAfter ?? 10}` };
    sendJson(response, 429, { message: "Too many requests. Please try again later." }, headers);
  },
  "null-session": (_, response) => sendJson(response, 200, null, { "cache-control": "no-store" }),
  html: (_, response) => send(response, 200, "text/html", "<!doctype html><title>Sign in</title><p>Not an API."),
};

// Those that concern this server rather than Better Auth.
const ownControls = {
  "POST /control/mode": (_, wanted) => {
    if (!Object.hasOwn(modes, wanted.mode)) throw new APIError("BAD_REQUEST", { message: "unknown mode" });
    return (mode = wanted);
  },
  "GET /control/requests": () => requests,
  "POST /control/reset-requests": () => {
    lastGetSession = null;
    return (requests = {});
  },
  "GET /control/last-get-session": () => lastGetSession,
};
const allControls = { ...controls, ...ownControls };

async function readJson(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  try {
    return Object(JSON.parse(text || "{}"));
  } catch {
    throw new APIError("BAD_REQUEST", { message: "the body is not JSON" });
  }
}

// What answers under /api: Better Auth, and the application.
const routes = (auth) => {
  const betterAuth = toNodeHandler(auth);
  const verify = config.apiKeys && toNodeHandler(verifyApiKey(auth));
  const lookup = config.ssoApiKey && toNodeHandler(userLookup(auth, config.ssoApiKey));
  return (name) => {
    if (/^\w+ \/api\/auth(\/|$)/.test(name)) return betterAuth;
    if (name === "POST /api/verify-api-key") return verify;
    if (/^GET \/api\/admin\/users\/[^/]+$/.test(name)) return lookup;
  };
};

async function handle(request, response) {
  const { auth, route } = await ready;
  const [path, query = ""] = request.url.split(/\?(.*)/s);
  const name = `${request.method} ${path}`;
  const answer = route(name);
  if (answer) {
    requests[name] = (requests[name] ?? 0) + 1;
    if (path === "/api/auth/get-session") lastGetSession = { headers: request.headers, query };
    return modes[mode.mode](request, response, answer);
  }
  if (!Object.hasOwn(allControls, name)) throw new APIError("NOT_FOUND", { message: "no such control" });
  sendJson(response, 200, await allControls[name](auth, await readJson(request)));
}

const server = createServer((request, response) =>
  handle(request, response).catch((error) => {
    if (!(error instanceof APIError)) console.error(error);
    if (response.headersSent) response.destroy();
    else sendJson(response, error.statusCode ?? 500, { error: error.body?.error_description ?? error.message });
  }),
);

// Listen first: the base URL, which is the issuer of every JWT, has the port in it.
server.listen({ port: config.port ?? 0, host: "127.0.0.1" });
const ready = once(server, "listening").then(async () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const auth = await buildAuth(config, origin);
  return { origin, auth, route: routes(auth) };
});
const { origin } = await ready;
process.stdout.write(`${JSON.stringify({ url: origin })}\n`);
