// A real Better Auth server for Hallpass's tests: `node server.mjs`, after `npm ci`.
//
// BETTER_AUTH_TEST holds its configuration as JSON; every key is optional:
//   port (0 = a free one), algorithm ("EdDSA" | "ES256" | "ES512" | "RS256" | "PS256"), secureCookies,
//   cookiePrefix, secret, jwt (true), cookieCache ({"strategy": "compact" | "jwt" | "jwe", "maxAge": 300}),
//   issuer, audience, rotationInterval (seconds), rateLimit (false)
//
// When it is ready it prints one line, {"url":"http://127.0.0.1:PORT"}, and nothing else on stdout.
// It ends when its stdin closes, so that it cannot outlive the test that started it, and on SIGTERM.
//
// Beside Better Auth, under /api/auth, it has controls with which a test plays the operator:
//   POST /control/user             {"email", "role"?, "tier"?, "banned"?, "banReason"?, "banExpires"?}
//   POST /control/mode             {"mode": "normal" | "error500" | "hang" | "rate-limited" | "null-session" | "html"}
//   GET  /control/requests         {"GET /api/auth/get-session": 2, …}
//   POST /control/reset-requests   forgets those, and the one below
//   GET  /control/last-get-session {"headers": {…}, "query": "…"}, or null
import { Console } from "node:console";
import { once } from "node:events";
import { createServer } from "node:http";

globalThis.console = new Console(process.stderr); // stdout belongs to the ready line
process.stdin.on("close", () => process.exit(0)).on("error", () => process.exit(0)).resume();
process.on("SIGTERM", () => process.exit(0));

const config = JSON.parse(process.env.BETTER_AUTH_TEST || "{}");
const known = ["port", "algorithm", "secureCookies", "cookiePrefix", "secret", "jwt", "cookieCache", "issuer",
  "audience", "rotationInterval", "rateLimit"];
for (const key of Object.keys(config)) if (!known.includes(key)) throw new Error(`BETTER_AUTH_TEST: unknown key ${key}`);

// Better Auth reads the environment too. A BETTER_AUTH_SECRETS or BASE_URL left in the developer's shell
// must not change the tests, and NODE_ENV=test would switch the origin check off. Better Auth looks at
// NODE_ENV while it is being imported: hence the import below these lines.
for (const name of Object.keys(process.env)) if (/AUTH|BASE_URL/.test(name)) delete process.env[name];
process.env.NODE_ENV = "production";
const { buildAuth } = await import("./auth.mjs");
const { toNodeHandler } = await import("better-auth/node");

let mode = "normal";
let requests = {};
let lastGetSession = null;

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const send = (response, status, type, body, headers = {}) =>
  response.writeHead(status, { "content-type": type, ...headers }).end(body);
const sendJson = (response, status, value, headers) =>
  send(response, status, "application/json", JSON.stringify(value), headers);

// How /api/auth answers when it is not "normal". The bodies are those Better Auth itself sends.
const modes = {
  error500: (response) => sendJson(response, 500, { message: "Failed to get session", code: "FAILED_TO_GET_SESSION" }),
  hang: () => {},
  "rate-limited": (response) =>
    sendJson(response, 429, { message: "Too many requests. Please try again later." }, { "x-retry-after": "10" }),
  "null-session": (response) => sendJson(response, 200, null, { "cache-control": "no-store" }),
  html: (response) => send(response, 200, "text/html", "<!doctype html><title>Sign in</title><p>Not an API."),
};

async function readJson(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  try {
    return Object(JSON.parse(text));
  } catch {
    throw new Refused(400, "the body is not JSON");
  }
}

// Writes the columns and nothing more: unlike the admin plugin's ban it leaves the sessions alive.
async function updateUser(auth, { email, ...columns }) {
  const allowed = ["role", "tier", "banned", "banReason", "banExpires"];
  for (const key of Object.keys(columns)) if (!allowed.includes(key)) throw new Refused(400, `unknown key ${key}`);
  if (columns.banExpires) columns.banExpires = new Date(columns.banExpires);
  if (isNaN(columns.banExpires ?? 0)) throw new Refused(400, "banExpires is not a date");
  const { adapter } = await auth.$context;
  const where = [{ field: "email", value: String(email).toLowerCase() }];
  const user = await adapter.findOne({ model: "user", where });
  if (!user) throw new Refused(404, "no such user");
  if (Object.keys(columns).length) await adapter.update({ model: "user", where, update: columns });
  return { id: user.id };
}

const controls = {
  "POST /control/user": async (request, auth) => updateUser(auth, await readJson(request)),
  "POST /control/mode": async (request) => {
    const wanted = (await readJson(request)).mode;
    if (wanted !== "normal" && !Object.hasOwn(modes, wanted)) throw new Refused(400, "unknown mode");
    return { mode: (mode = wanted) };
  },
  "GET /control/requests": () => requests,
  "POST /control/reset-requests": () => {
    lastGetSession = null;
    return (requests = {});
  },
  "GET /control/last-get-session": () => lastGetSession,
};

async function handle(request, response) {
  const { auth, betterAuth } = await ready;
  const [path, query = ""] = request.url.split(/\?(.*)/s);
  const name = `${request.method} ${path}`;
  if (path === "/api/auth" || path.startsWith("/api/auth/")) {
    requests[name] = (requests[name] ?? 0) + 1;
    if (path === "/api/auth/get-session") lastGetSession = { headers: request.headers, query };
    return mode === "normal" ? betterAuth(request, response) : modes[mode](response);
  }
  if (!Object.hasOwn(controls, name)) throw new Refused(404, "no such control");
  sendJson(response, 200, await controls[name](request, auth));
}

const server = createServer((request, response) =>
  handle(request, response).catch((error) => {
    if (!error.status) console.error(error);
    if (response.headersSent) response.destroy();
    else sendJson(response, error.status ?? 500, { error: error.message });
  }),
);

// Listen first: the base URL, which is the issuer of every JWT, has the port in it.
server.listen({ port: config.port ?? 0, host: "127.0.0.1" });
const ready = once(server, "listening").then(async () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const auth = await buildAuth(config, origin);
  return { origin, auth, betterAuth: toNodeHandler(auth) };
});
const { origin } = await ready;
process.stdout.write(`${JSON.stringify({ url: origin })}\n`);
