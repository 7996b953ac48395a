// The servers of the example: a database for Better Auth, Better Auth itself, and Hallpass.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { root } from "./prepare.mjs";

/** How long a server may take to start: `cargo run` compiles first. Seconds. */
const START = process.env.HALLPASS ? 60 : 1800;

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
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await setTimeout(100);
  }
  throw new Error(`the server at ${url} is not ready after ${START} s`);
}

const running = new Set();
// What stopped this process did not reach the servers, which are in groups of their own.
process.on("exit", () => {
  for (const { pid } of running) process.kill(-pid, "SIGKILL");
});

function start(command, args, options) {
  // A group of its own: Ctrl+C in the terminal does not reach it before `stop` does.
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"], detached: true, ...options });
  child.once("spawn", () => running.add(child));
  child.once("exit", () => running.delete(child));
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-child.pid, "SIGTERM");
    await once(child, "exit");
  };
  return { child, stop };
}

/** PostgreSQL, compiled to WebAssembly, in this process. AUTH_DATABASE_URL replaces it. */
export async function startDatabase(directory) {
  const url = process.env.AUTH_DATABASE_URL;
  if (url) return { url, stop: async () => undefined };
  const db = await PGlite.create(join(directory, "auth"));
  const port = await freePort();
  const server = new PGLiteSocketServer({ db, port, host: "127.0.0.1", maxConnections: 20 });
  await server.start();
  const stop = async () => {
    await server.stop();
    await db.close();
  };
  return { url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`, stop };
}

export async function startAuth({ database, ports, secrets }) {
  const url = `http://localhost:${ports.auth}`;
  const env = {
    ...process.env,
    AUTH_URL: url,
    AUTH_PORT: `${ports.auth}`,
    AUTH_DATABASE_URL: database,
    BETTER_AUTH_SECRET: secrets.auth,
    TRUSTED_ORIGINS: `http://localhost:${ports.web}`,
    HALLPASS_URL: `http://localhost:${ports.api}`,
    REVOCATION_SECRET: secrets.revocation,
  };
  const server = start(process.execPath, ["server.mjs"], { cwd: join(root, "../better-auth"), env });
  await ready(`${url}/health`, server.child);
  return { ...server, url };
}

export async function startHallpass({ directory, ports, secrets }) {
  const { HALLPASS, PATH, HOME } = process.env;
  const url = `http://localhost:${ports.api}`;
  const env = {
    PATH,
    HOME,
    RUST_LOG: "warn",
    API_PORT: `${ports.api}`,
    METRICS_ADDR: `127.0.0.1:${await freePort()}`,
    DATABASE_URL: `sqlite://${join(directory, "hallpass.db")}?mode=rwc`,
    BETTER_AUTH_URL: `http://localhost:${ports.auth}`,
    ALLOWED_ORIGINS: `http://localhost:${ports.web}`,
    REVOCATION_SECRET: secrets.revocation,
    RATE_LIMIT: "30000/min",
    TIERS: "free=0,premium=12,enterprise=40",
    DRAIN_DELAY: "0s",
  };
  const cargo = ["run", "--quiet", "--manifest-path", join(root, "../../Cargo.toml"), "--", "serve"];
  const server = HALLPASS ? start(HALLPASS, ["serve"], { cwd: directory, env }) : start("cargo", cargo, { cwd: directory, env });
  await ready(`${url}/ready`, server.child);
  return { ...server, url };
}
