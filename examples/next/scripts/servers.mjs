// The two servers of the example: the Next.js application, with Better Auth in it, and Hallpass.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { root } from "./prepare.mjs";

/** How long a server may take to start: `cargo run` compiles first. Seconds. */
const START = process.env.HALLPASS ? 60 : 1800;
const next = join(root, "node_modules/next/dist/bin/next");
const { PATH, HOME } = process.env;

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

/** Starts a server, and waits until `url` responds. */
async function start(url, command, args, options) {
  // A group of its own: Ctrl+C in the terminal does not reach it before `stop` does.
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"], detached: true, ...options });
  child.once("spawn", () => running.add(child));
  child.once("exit", () => running.delete(child));
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-child.pid, "SIGTERM");
    await once(child, "exit");
  };
  try {
    await ready(url, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

const environment = { PATH, HOME, NEXT_TELEMETRY_DISABLED: "1" };

export function buildNext() {
  execFileSync(process.execPath, [next, "build"], { cwd: root, env: environment, stdio: ["ignore", "ignore", "inherit"] });
}

/** `mode` is `dev`, or `start` for the built application. */
export async function startNext({ mode, directory, port, apiUrl, secret }) {
  const url = `http://localhost:${port}`;
  const env = {
    ...environment,
    BETTER_AUTH_URL: url,
    BETTER_AUTH_SECRET: secret,
    AUTH_DATABASE: join(directory, "auth.db"),
    API_URL: apiUrl,
    PUBLIC_API_URL: apiUrl,
  };
  const args = [next, mode, "--hostname", "localhost", "--port", `${port}`];
  const server = await start(`${url}/api/auth/ok`, process.execPath, args, { cwd: root, env });
  return { ...server, url };
}

async function startProgram({ directory, port, env }) {
  const settings = {
    PATH,
    HOME,
    RUST_LOG: "warn",
    API_PORT: `${port}`,
    METRICS_ADDR: `127.0.0.1:${await freePort()}`,
    DATABASE_URL: `sqlite://${join(directory, "hallpass.db")}?mode=rwc`,
    DRAIN_DELAY: "0s",
    ...env,
  };
  const cargo = ["run", "--quiet", "--manifest-path", join(root, "../../Cargo.toml"), "--", "serve"];
  const [command, args] = process.env.HALLPASS ? [process.env.HALLPASS, ["serve"]] : ["cargo", cargo];
  const url = `http://localhost:${port}`;
  const server = await start(`${url}/health`, command, args, { cwd: directory, env: settings });
  return { ...server, url };
}

/** `authUrl` is the origin of the Next.js application, which is that of the pages as well. */
export const startHallpass = ({ directory, port, authUrl }) =>
  startProgram({ directory, port, env: { BETTER_AUTH_URL: authUrl, ALLOWED_ORIGINS: authUrl, RATE_LIMIT: "3000/min" } });

/** Development mode, without an auth server, inserts the demo courses into a new database. */
export async function insertCourses({ directory, port }) {
  const server = await startProgram({ directory, port, env: {} });
  await server.stop();
}
