// Programs that the tests run. Each failure ends the run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export async function run(command, args, options = {}) {
  const child = spawn(command, args, { stdio: "inherit", ...options, env: { ...process.env, ...options.env } });
  const [code] = await once(child, "exit");
  if (code !== 0) {
    process.stderr.write(`tests/clients: ${[command, ...args].join(" ")} failed\n`);
    process.exitCode = 1;
    throw new Failed();
  }
}

// The program that failed has printed why.
class Failed extends Error {}
process.on("uncaughtException", (error) => {
  if (!(error instanceof Failed)) process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});

export async function runNpm(project, ...args) {
  await run("npm", args, { cwd: project });
  if (args[0] === "ci") copyFileSync(join(project, "package-lock.json"), mark(project));
}

export function runNode(...args) {
  const options = typeof args.at(-1) === "object" ? args.pop() : {};
  return run(process.execPath, args, options);
}

const mark = (project) => join(project, "node_modules/.installed-lock");

/** Whether the modules that the lock file states are installed. */
export function isUpToDate(project) {
  const lock = readFileSync(join(project, "package-lock.json"), "utf8");
  return existsSync(mark(project)) && readFileSync(mark(project), "utf8") === lock;
}

/** The test files with one of these parts in their name; all without parts. */
export function glob(directory, parts) {
  const files = readdirSync(directory).filter((file) => file.endsWith(".test.js"));
  const chosen = files.filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)));
  return chosen.map((file) => join(directory, file));
}
