// `npm run dev` and `npm start`: everything, until Ctrl+C.
import { join, resolve } from "node:path";
import { prepare, root } from "./prepare.mjs";

const mode = process.argv[2] ?? "dev";
// npm states where it was called: a relative path is from there.
if (process.env.HALLPASS) process.env.HALLPASS = resolve(process.env.INIT_CWD ?? ".", process.env.HALLPASS);
prepare();
// Only now is everything installed that these modules import.
const { buildNext } = await import("./servers.mjs");
const { startEnvironment } = await import("./environment.mjs");
const { accounts, PASSWORD } = await import("./accounts.mjs");

const { API_PORT = "8000", WEB_PORT = "3000" } = process.env;
if (mode === "start") buildNext();
const ports = { api: Number(API_PORT), web: Number(WEB_PORT) };
const environment = await startEnvironment({ mode, directory: join(root, ".data"), ports });

process.stdout.write(`
  the page        ${environment.url}
  Better Auth     ${environment.url}/api/auth
  Hallpass        ${environment.apiUrl}/graphql
  demo accounts   ${accounts.map(({ email }) => email).join(", ")}
  their password  ${PASSWORD}

`);

let isStopping = false;
async function stop() {
  if (isStopping) return;
  isStopping = true;
  await environment.stop();
  process.exit(0);
}
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
