/** The generated files. */
import { buildSchema, introspectionFromSchema, type GraphQLSchema } from "graphql";
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

function introspectionOf(schema: GraphQLSchema): string {
  return `${JSON.stringify(introspectionFromSchema(schema, { descriptions: false }))}\n`;
}

/** The content of each generated file, by its name. */
export function generatedFiles({ sdl, access, errorCodes }: Sources): ReadonlyMap<string, string> {
  const strict = strictSchema(sdl);
  const schema = buildSchema(sdl);
  const strictly = buildSchema(strict);
  return new Map([
    ["schema.graphql", sdl],
    ["schema.strict.graphql", strict],
    ["introspection.json", introspectionOf(schema)],
    ["introspection.strict.json", introspectionOf(strictly)],
    ["gql-tada.d.ts", tadaEnvironment(strictly)],
    ["index.ts", schemaModule(schema, access, errorCodes)],
  ]);
}
