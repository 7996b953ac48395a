// Installs what is missing: the modules of this directory, and @hallpass/client from this repository, which an
// application of your own installs from the registry. Then generates the types of the operations.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const client = join(root, "../../clients/typescript");
const installed = join(root, "node_modules/@hallpass/client");

const run = (directory, command, ...args) =>
  execFileSync(command, args, { cwd: directory, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

// A copy of the lock file marks what was installed.
function installModules(directory) {
  const [lock, mark] = [join(directory, "package-lock.json"), join(directory, "node_modules/.installed-lock")];
  if (existsSync(mark) && readFileSync(mark, "utf8") === readFileSync(lock, "utf8")) return;
  run(directory, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
  copyFileSync(lock, mark);
}

function newest(directory) {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...entries.map((entry) => statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs));
}

function installClient() {
  const mark = join(installed, "package.json");
  if (existsSync(mark) && statSync(mark).ctimeMs > newest(join(client, "src"))) return;
  installModules(client);
  run(client, "npm", "run", "--silent", "build");
  const directory = mkdtempSync(join(tmpdir(), "hallpass-client-"));
  try {
    const packed = run(client, "npm", "pack", "--silent", "--pack-destination", directory).trim();
    rmSync(installed, { recursive: true, force: true });
    mkdirSync(installed, { recursive: true });
    run(root, "tar", "-xzf", join(directory, packed), "-C", installed, "--strip-components=1");
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export function prepare() {
  installModules(root);
  installClient();
  run(root, process.execPath, "node_modules/@graphql-codegen/cli/cjs/bin.js", "--silent", "--config", "codegen.ts");
}
