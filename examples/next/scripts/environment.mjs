// The servers of the example, with demo accounts and courses.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accounts, createAccount } from "./accounts.mjs";
import { insertCourses, startHallpass, startNext } from "./servers.mjs";

/** The secret of sessions stays the same, so that one is still signed in after the next start. */
export function authSecret(directory) {
  const file = join(directory, "secret");
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("base64url"), { mode: 0o600 });
  return readFileSync(file, "utf8");
}

export async function startEnvironment({ mode, directory, ports }) {
  mkdirSync(directory, { recursive: true });
  const started = [];
  const keep = (server) => {
    started.push(server);
    return server;
  };
  const stop = async () => {
    for (const server of started.splice(0).reverse()) await server.stop();
  };
  try {
    if (!existsSync(join(directory, "hallpass.db"))) await insertCourses({ directory, port: ports.api });
    const apiUrl = `http://localhost:${ports.api}`;
    const next = keep(await startNext({ mode, directory, port: ports.web, apiUrl, secret: authSecret(directory) }));
    const api = keep(await startHallpass({ directory, port: ports.api, authUrl: next.url }));
    for (const [index, account] of accounts.entries()) await createAccount({ directory, url: next.url }, account, `192.0.2.${index}`);
    return { url: next.url, apiUrl: api.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
