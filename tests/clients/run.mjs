// Runs real GraphQL clients, in TypeScript and Python, and the packed @hallpass/client, against the server and a real
// Better Auth server. HALLPASS is the server's program. Arguments select test files by a part of their name.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { glob, isUpToDate, runNode, runNpm } from "./scripts/run.mjs";
import { installPackage } from "./scripts/package.mjs";
import { preparePython, pythonTests, testPython } from "./scripts/python.mjs";
import { startServers } from "./scripts/servers.mjs";

// npm states where it was called: a relative path is from there.
const program = process.env.HALLPASS && resolve(process.env.INIT_CWD ?? ".", process.env.HALLPASS);
if (!program || !existsSync(program)) {
  process.stderr.write("tests/clients: set HALLPASS to the server's program, such as target/release/hallpass\n");
  process.exit(2);
}

process.env.HALLPASS = program;
const client = "../../clients/typescript";
for (const project of [client, "../better-auth", "."]) {
  if (!isUpToDate(project)) await runNpm(project, "ci", "--no-audit", "--no-fund", "--loglevel=error");
}
await runNpm(client, "run", "--silent", "check");
await runNpm(client, "run", "--silent", "test");
await installPackage(client);
await runNode("node_modules/@graphql-codegen/cli/cjs/bin.js", "--silent", "--config", "codegen.ts");
for (const directory of [".build", "src/relay/__generated__"]) rmSync(directory, { recursive: true, force: true });
mkdirSync("src/relay/__generated__", { recursive: true });
await runNode("node_modules/relay-compiler/cli.js", "relay.config.json");
await runNode("node_modules/typescript/bin/tsc", "--project", "tsconfig.json");

const parts = process.argv.slice(2);
const [chosen, python] = [glob(".build/tests", parts), pythonTests(parts)];
if (chosen.length + python.length === 0) throw new Error(`no test file has ${parts.join(" or ")} in its name`);
if (python.length > 0) await preparePython();

const servers = await startServers(program);
try {
  // A test that fails leaves its sockets open.
  const options = ["--test-reporter=spec", "--test-concurrency=2", "--test-timeout=60000", "--test-force-exit"];
  if (chosen.length > 0) await runNode("--test", ...options, ...chosen, { env: servers.env });
  for (const tests of python) await testPython(tests, servers.env);
} finally {
  await servers.stop();
}
