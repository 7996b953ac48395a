// The servers of the tests: Hallpass in development mode, Better Auth, and Hallpass with the users of Better Auth.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

const ORIGIN = "http://app.test";
const PERSONAS = ["free", "premium", "editor", "admin"];
/** How long a server may take to start, on a busy machine. Seconds. */
const START = 30;

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function ready(url, child) {
  for (let tenths = 0; tenths < START * 10; tenths += 1) {
    if (child.exitCode !== null) throw new Error(`the server at ${url} ended with ${child.exitCode}`);
    const response = await fetch(`${url}/ready`).catch(() => undefined);
    if (response?.ok) return;
    await setTimeout(100);
  }
  throw new Error(`the server at ${url} is not ready after ${START} s`);
}

function environment(directory, settings) {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, DATABASE_URL: `sqlite://${join(directory, "hallpass.db")}?mode=rwc`, ...settings };
}

export async function startHallpass(program, directory, settings) {
  const port = settings.API_PORT ?? (await freePort());
  const env = environment(directory, { RUST_LOG: "error", API_PORT: `${port}`, ALLOWED_ORIGINS: ORIGIN, ...settings });
  const child = spawn(program, ["serve"], { cwd: directory, env, stdio: ["ignore", "ignore", "inherit"] });
  const url = `http://127.0.0.1:${port}`;
  await ready(url, child);
  return { child, url };
}

export async function stopServer(child) {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

async function startBetterAuth(config) {
  const env = { ...process.env, BETTER_AUTH_TEST: JSON.stringify(config) };
  const child = spawn(process.execPath, ["server.mjs"], { cwd: "../better-auth", env, stdio: ["pipe", "pipe", "inherit"] });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, url: JSON.parse(line).url };
}

/** Hallpass in production, with the users of a Better Auth server whose JWTs last four seconds. */
async function startDeployment(program, directory, keep) {
  const auth = keep(await startBetterAuth({ jwtLifetime: "4s" }));
  const { url } = keep(
    await startHallpass(program, directory, {
      BETTER_AUTH_URL: auth.url,
      JWT_LEEWAY: "0s",
      METRICS_ADDR: `127.0.0.1:${await freePort()}`,
      RATE_LIMIT: "anonymous=60/min,free=6000/min",
      DRAIN_DELAY: "0s",
      SESSION_CACHE_TTL: "1s",
    }),
  );
  return { url, authUrl: auth.url };
}

export function token(program, directory, persona) {
  return execFileSync(program, ["token", "--as", persona], { cwd: directory, env: environment(directory, {}), encoding: "utf8" }).trim();
}

export async function startServers(program) {
  const directories = ["development", "shared", "outages"].map((name) => mkdtempSync(join(tmpdir(), `hallpass-${name}-`)));
  const children = [];
  const keep = (server) => {
    children.push(server.child);
    return server;
  };
  const stop = async () => {
    await Promise.all(children.map(stopServer));
    for (const directory of directories) rmSync(directory, { recursive: true });
  };
  try {
    const development = keep(await startHallpass(program, directories[0], {}));
    const shared = await startDeployment(program, directories[1], keep);
    const outages = await startDeployment(program, directories[2], keep);
    const tokens = Object.fromEntries(PERSONAS.map((persona) => [persona, token(program, directories[0], persona)]));
    const env = {
      DEVELOPMENT_URL: development.url,
      SHARED_URL: shared.url,
      SHARED_AUTH_URL: shared.authUrl,
      OUTAGES_URL: outages.url,
      OUTAGES_AUTH_URL: outages.authUrl,
      APP_ORIGIN: ORIGIN,
      PERSONA_TOKENS: JSON.stringify(tokens),
    };
    return { env, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
