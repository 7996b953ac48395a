// The built page, with all of its servers, on free ports: for tests and screenshots.
import { join } from "node:path";
import { build, preview } from "vite";
import { startEnvironment } from "./environment.mjs";
import { root } from "./prepare.mjs";
import { freePort } from "./servers.mjs";

export async function startPage(directory) {
  const ports = { auth: await freePort(), api: await freePort(), web: await freePort() };
  const environment = await startEnvironment({ directory, ports });
  Object.assign(process.env, environment.env);
  const outDir = join(directory, "dist");
  await build({ root, logLevel: "error", build: { outDir } });
  const server = await preview({ root, build: { outDir }, preview: { host: "localhost", port: ports.web, strictPort: true } });
  const stop = async () => {
    await server.close();
    await environment.stop();
  };
  const env = {
    PAGE_URL: `http://localhost:${ports.web}`,
    AUTH_URL: environment.auth.url,
    API_URL: environment.api.url,
    AUTH_DATABASE: environment.database,
  };
  return { env, stop };
}
