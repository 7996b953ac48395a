/** The generated files. */
import { buildSchema, introspectionFromSchema } from "graphql";
import { schemaModule } from "./module.js";
import { strictSchema } from "./strict.js";
import { tadaEnvironment } from "./tada.js";

export interface Sources {
  /** The schema, as `hallpass schema` prints it. */
  readonly sdl: string;
  /** The access table, as `hallpass access --json` prints it. */
  readonly access: unknown;
  /** Error codes of the application. */
  readonly errorCodes: readonly string[];
}

/** The content of each generated file, by its name. */
export function generatedFiles({ sdl, access, errorCodes }: Sources): ReadonlyMap<string, string> {
  const strict = strictSchema(sdl);
  const schema = buildSchema(sdl);
  const introspection = introspectionFromSchema(schema, { descriptions: false });
  return new Map([
    ["schema.graphql", sdl],
    ["schema.strict.graphql", strict],
    ["introspection.json", `${JSON.stringify(introspection)}\n`],
    ["gql-tada.d.ts", tadaEnvironment(buildSchema(strict))],
    ["index.ts", schemaModule(schema, access, errorCodes)],
  ]);
}
