#!/usr/bin/env node
/** `hallpass-client generate`: writes the files of a schema, or checks that they are up to date. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generatedFiles, type Sources } from "./files.js";

const USAGE = `Usage: hallpass-client generate [SOURCE] --out DIR [--error-code CODE]... [--check]

SOURCE is one of
  --server-command CMD           the server's program, which prints both (default: hallpass)
  --schema FILE --access FILE    its output: \`hallpass schema\`, and \`hallpass access --json\`

  --error-code CODE              an error code of your application; may be repeated
  --check                        write nothing, and fail if a file in DIR is not up to date`;

class UsageError extends Error {}

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

function run(command: string, args: readonly string[]): string {
  const [program = "", ...first] = command.trim().split(/\s+/);
  try {
    return execFileSync(program, [...first, ...args], {
      encoding: "utf8",
      maxBuffer: MAX_OUTPUT_BYTES,
      stdio: ["ignore", "pipe", "inherit"],
    });
  } catch (error) {
    throw isMissing(error) ? new Error(`The program ${program} was not found. Give the server's: --server-command CMD.`) : error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

interface Source {
  readonly schema?: string | undefined;
  readonly access?: string | undefined;
  readonly "server-command"?: string | undefined;
}

function read({ schema, access, "server-command": command }: Source): Pick<Sources, "sdl" | "access"> {
  if (schema !== undefined && access !== undefined) {
    return { sdl: readFileSync(schema, "utf8"), access: JSON.parse(readFileSync(access, "utf8")) };
  }
  if (schema !== undefined || access !== undefined) throw new UsageError("Give both --schema and --access.");
  const program = command ?? "hallpass";
  return { sdl: run(program, ["schema"]), access: JSON.parse(run(program, ["access", "--json"])) };
}

function current(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function check(directory: string, files: ReadonlyMap<string, string>): void {
  const stale = [...files].filter(([name, content]) => current(join(directory, name)) !== content);
  if (stale.length === 0) return;
  const names = stale.map(([name]) => join(directory, name)).join(", ");
  throw new Error(`Not up to date: ${names}. Run the command without --check.`);
}

function write(directory: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of files) writeFileSync(join(directory, name), content);
}

function main(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      "server-command": { type: "string" },
      schema: { type: "string" },
      access: { type: "string" },
      out: { type: "string" },
      "error-code": { type: "string", multiple: true },
      check: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return void process.stdout.write(`${USAGE}\n`);
  if (positionals.join(" ") !== "generate") throw new UsageError("The command is `generate`.");
  if (values.out === undefined) throw new UsageError("Give the directory of the files: --out DIR.");
  const files = generatedFiles({ ...read(values), errorCodes: values["error-code"] ?? [] });
  if (values.check === true) check(values.out, files);
  else write(values.out, files);
}

/** Whether the arguments are wrong, and not the content of a file. */
function isUsage(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof TypeError && "code" in error);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`hallpass-client: ${message}\n${isUsage(error) ? `\n${USAGE}\n` : ""}`);
  process.exitCode = isUsage(error) ? 2 : 1;
}
