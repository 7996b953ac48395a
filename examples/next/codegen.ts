import { hallpassCodegen } from "@hallpass/client/codegen";

export default {
  // Pages show partial data: the courses even if the tasks could not be read.
  ...hallpassCodegen({ nullability: "semantic" }),
  // Turbopack does not resolve `./gql.js` to `gql.ts`.
  importExtension: "" as const,
};
