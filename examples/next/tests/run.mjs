// `npm test`: the built application against real servers, on free ports and in a temporary directory. HALLPASS is the
// server's program. Arguments select test files by a part of their name.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { prepare, root } from "../scripts/prepare.mjs";
import "./signals.mjs";

// npm states where it was called: a relative path is from there.
const program = process.env.HALLPASS && resolve(process.env.INIT_CWD ?? ".", process.env.HALLPASS);
if (!program || !existsSync(program)) {
  process.stderr.write("examples/next: set HALLPASS to the server's program, such as target/release/hallpass\n");
  process.exit(2);
}
process.env.HALLPASS = program;
prepare();

function chosenTests(parts) {
  const files = readdirSync(join(root, "tests")).filter((file) => file.endsWith(".test.mjs"));
  const chosen = files.filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)));
  if (chosen.length === 0) throw new Error(`no test file has ${parts.join(" or ")} in its name`);
  return chosen.map((file) => join("tests", file));
}

async function run(...args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
  process.once("exit", () => child.kill());
  const [code] = await once(child, "exit");
  return code ?? 1;
}

// Only now is everything installed that these modules import.
const { buildNext, freePort } = await import("../scripts/servers.mjs");
const { startEnvironment } = await import("../scripts/environment.mjs");
buildNext();
const directory = mkdtempSync(join(tmpdir(), "hallpass-next-"));
const ports = { api: await freePort(), web: await freePort() };
const environment = await startEnvironment({ mode: "start", directory, ports });
try {
  Object.assign(process.env, { PAGE_URL: environment.url, API_URL: environment.apiUrl, DATA: directory });
  // The time is that of a whole file.
  const options = ["--test-reporter=spec", "--test-concurrency=2", "--test-timeout=240000"];
  process.exitCode = await run("--test", ...options, ...chosenTests(process.argv.slice(2)));
} finally {
  await environment.stop();
  rmSync(directory, { recursive: true });
}
process.exit();
