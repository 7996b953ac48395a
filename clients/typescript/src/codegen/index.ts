/** graphql-codegen with the client preset, for a schema of Hallpass. */
import type { CodegenConfig } from "@graphql-codegen/cli";
import { fileURLToPath } from "node:url";

export interface HallpassCodegenOptions {
  /** Where the operations are. Default: `src/**\/*.{ts,tsx}`. */
  readonly documents?: string | string[];
  /** Directory of the generated code, with `/` at its end. Default: `src/gql/`. */
  readonly out?: string;
  /** Directory with the schema files of your own server, which `hallpass-client generate` wrote. */
  readonly schema?: string;
  /**
   * `strict`, the default: a field that is null only with an error is non-null, for clients that throw on errors
   * (Apollo's errorPolicy "none"). `semantic`: it is nullable, for clients that display partial data.
   */
  readonly nullability?: "strict" | "semantic";
  /** Whether `persisted-documents.json` is written, for TRUSTED_DOCUMENTS. */
  readonly persistedDocuments?: boolean;
}

const shipped = fileURLToPath(new URL("../../src/schema", import.meta.url));
const files = { strict: "schema.strict.graphql", semantic: "schema.graphql" } as const;

/** `export default hallpassCodegen()` in `codegen.ts` is enough. */
export function hallpassCodegen(options: HallpassCodegenOptions = {}): CodegenConfig {
  const { documents = "src/**/*.{ts,tsx}", out = "src/gql/", nullability = "strict" } = options;
  return {
    schema: `${options.schema ?? shipped}/${files[nullability]}`,
    documents,
    importExtension: ".js",
    generates: {
      [out]: {
        preset: "client",
        presetConfig: { persistedDocuments: options.persistedDocuments ?? false },
        config: {
          scalars: { ID: "string", DateTime: "string", Date: "string" },
          enumsAsTypes: true,
          immutableTypes: true, // constants are readonly, and data of caches is frozen
          useTypeImports: true,
          strictScalars: true,
        },
      },
    },
  };
}
