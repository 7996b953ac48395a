import { hallpassCodegen } from "@hallpass/client/codegen";

export default hallpassCodegen({ documents: "src/documents.ts", out: "src/gql/", persistedDocuments: true });
