// All of the example's servers, with demo accounts and courses.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seed } from "./seed.mjs";
import { startAuth, startDatabase, startHallpass } from "./servers.mjs";

const secret = () => randomBytes(32).toString("base64url");

/** The secret of sessions stays the same, so that one is still signed in after the next start. */
function authSecret(directory) {
  const file = join(directory, "secret");
  if (!existsSync(file)) writeFileSync(file, secret(), { mode: 0o600 });
  return readFileSync(file, "utf8");
}

export async function startEnvironment({ directory, ports }) {
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
    const secrets = { auth: authSecret(directory), revocation: secret() };
    const database = keep(await startDatabase(directory)).url;
    const auth = keep(await startAuth({ database, ports, secrets }));
    const api = keep(await startHallpass({ directory, ports, secrets }));
    await seed({ database, authUrl: auth.url, apiUrl: api.url, origin: `http://localhost:${ports.web}` });
    const env = { VITE_AUTH_URL: auth.url, VITE_API_URL: api.url, VITE_DEMO: "true" };
    return { database, env, api, auth, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
