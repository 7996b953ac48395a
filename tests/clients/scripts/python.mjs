// Clients in Python. Each has its own environment, because their requirements exclude each other.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { run } from "./run.mjs";

const GQL = "python/gql";
const ARIADNE = "python/ariadne-codegen";
/** Where ariadne-codegen writes the typed client: see its pyproject.toml. */
const GENERATED = ".build/python";
/** Modules that the tests import. */
const MODULES = ["python/shared", GENERATED].map((path) => resolve(path)).join(":");

const program = (client, name) => resolve(client, ".venv/bin", name);

/** The test modules of each client with one of these parts in their path; all without parts. */
export function pythonTests(parts) {
  const tests = [GQL, ARIADNE].map((client) => {
    const files = readdirSync(client).filter((file) => file.endsWith("_test.py"));
    const chosen = files.filter((file) => parts.length === 0 || parts.some((part) => join(client, file).includes(part)));
    return { client, modules: chosen.map((file) => file.replace(/\.py$/, "")) };
  });
  return tests.filter(({ modules }) => modules.length > 0);
}

/** Installs what the requirements state, as tests/run does. */
async function install(client) {
  const [requirements, installed] = [join(client, "requirements.txt"), join(client, ".venv/installed")];
  if (existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(requirements, "utf8")) return;
  await run("python3", ["-m", "venv", "--clear", join(client, ".venv")]);
  await run(program(client, "pip"), ["install", "--quiet", "--disable-pip-version-check", "--requirement", requirements]);
  copyFileSync(requirements, installed);
}

/** The types of the tests, and of the modules that they import. */
async function checkTypes(client) {
  const options = ["--config-file", "../mypy.ini", "--cache-dir", resolve(".build/mypy"), "--no-error-summary"];
  const args = [...options, "--python-executable", program(client, "python"), "."];
  await run(program(ARIADNE, "mypy"), args, { cwd: client, env: { MYPYPATH: MODULES } });
}

/** Installs the clients, generates the typed one from schema.graphql, and checks the types. */
export async function preparePython() {
  for (const client of [GQL, ARIADNE]) await install(client);
  mkdirSync(GENERATED, { recursive: true });
  await run(program(ARIADNE, "ariadne-codegen"), [], { cwd: ARIADNE, stdio: ["ignore", "ignore", "inherit"] });
  for (const client of [GQL, ARIADNE]) await checkTypes(client);
}

export async function testPython({ client, modules }, servers) {
  const env = { ...servers, PYTHONPATH: MODULES, PYTHONDONTWRITEBYTECODE: "1" };
  await run(program(client, "python"), ["-m", "unittest", "--verbose", ...modules], { cwd: client, env });
}
