// Installs @hallpass/client as npm would from the registry: what is not packed is not there.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function installPackage(project) {
  const directory = mkdtempSync(join(tmpdir(), "hallpass-client-"));
  const target = "node_modules/@hallpass/client";
  rmSync(join(project, "dist"), { recursive: true, force: true }); // packing builds it, as publishing does
  try {
    const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", directory], {
      cwd: project,
      encoding: "utf8",
    });
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    execFileSync("tar", ["-xzf", join(directory, packed.trim()), "-C", target, "--strip-components=1"]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
