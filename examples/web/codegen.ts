import { hallpassCodegen } from "@hallpass/client/codegen";

export default hallpassCodegen();
