/** @graphql-eslint/eslint-plugin for the schema and the operations of this repository. */
import { relative, resolve } from "node:path";
import graphqlEslint from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

const root = resolve("../..");
export const SCHEMA = "schema.graphql";
export const RELAY = "tests/clients/src/relay/documents.ts";
const PYTHON = "tests/clients/python/ariadne-codegen/operations.graphql";
/** The operations of each application: their names are unique, and they share fragments. */
const EXAMPLES = ["examples/web/src/**/*.{ts,tsx}", "examples/next/src/**/*.{ts,tsx}"];
const OPERATIONS = ["tests/clients/src/documents.ts", RELAY, PYTHON, ...EXAMPLES];

/** Of a module, only its documents: its code is checked by the compiler. */
const documents: typeof graphqlEslint.processor = {
  ...graphqlEslint.processor,
  preprocess: (text, file) => graphqlEslint.processor.preprocess(text, file).filter((block) => typeof block !== "string"),
};

const { configs, parser } = graphqlEslint;
const fromHere = (path: string): string => relative(".", resolve(root, path));
const schema = fromHere(SCHEMA);
const applications = OPERATIONS.map((files) => [files, { schema, documents: fromHere(files), exclude: "**/gql/**" }]);
const projects = { [SCHEMA]: { schema }, ...Object.fromEntries(applications) };

const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: [
    { ignores: ["**/gql/**"] },
    { files: ["**/*.{ts,tsx}"], processor: documents },
    {
      files: ["**/*.graphql"],
      // @ts-expect-error: the plugin's type for the documentation of a rule is narrower than ESLint's.
      plugins: { "@graphql-eslint": graphqlEslint },
      languageOptions: { parser, parserOptions: { graphQLConfig: { projects } } },
    },
    { files: [SCHEMA], rules: { ...configs["flat/schema-recommended"].rules, ...configs["flat/schema-relay"].rules } },
    { files: ["**/*.{ts,tsx}/*.graphql", PYTHON], rules: configs["flat/operations-recommended"].rules },
  ],
});

function findings(results: readonly ESLint.LintResult[]): Finding[] {
  return results.flatMap(({ filePath, messages }) =>
    messages.map(({ line, ruleId, message }) => {
      return { file: relative(root, filePath), line, rule: `${ruleId}`.replace("@graphql-eslint/", ""), message };
    }),
  );
}

export async function lint(): Promise<Finding[]> {
  return findings(await eslint.lintFiles([SCHEMA, ...OPERATIONS]));
}

/** The findings if the file had this text. */
export async function lintText(text: string, file: string): Promise<Finding[]> {
  return findings(await eslint.lintText(text, { filePath: resolve(root, file) }));
}
