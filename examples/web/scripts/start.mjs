// `npm start`: everything, until Ctrl+C.
import { join, resolve } from "node:path";
import { prepare, root } from "./prepare.mjs";

// npm states where it was called: a relative path is from there.
if (process.env.HALLPASS) process.env.HALLPASS = resolve(process.env.INIT_CWD ?? ".", process.env.HALLPASS);
prepare();
// Only now is everything installed that these modules import.
const { startEnvironment } = await import("./environment.mjs");
const { accounts, PASSWORD } = await import("./seed.mjs");
const { createServer } = await import("vite");

const { AUTH_PORT = "3000", API_PORT = "8000", WEB_PORT = "5173" } = process.env;
const ports = { auth: Number(AUTH_PORT), api: Number(API_PORT), web: Number(WEB_PORT) };
const environment = await startEnvironment({ directory: join(root, ".data"), ports });
Object.assign(process.env, environment.env);
const vite = await createServer({ root, server: { host: "localhost", port: ports.web, strictPort: true } });
await vite.listen();

process.stdout.write(`
  the page        http://localhost:${ports.web}
  Better Auth     ${environment.auth.url}
  Hallpass        ${environment.api.url}/graphql
  demo accounts   ${accounts.map(({ email }) => email).join(", ")}
  their password  ${PASSWORD}

`);

let isStopping = false;
async function stop() {
  if (isStopping) return;
  isStopping = true;
  await vite.close();
  await environment.stop();
  process.exit(0);
}
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
