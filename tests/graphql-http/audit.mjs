// Runs the audits of graphql-http against the server at the address given: prints a line of JSON for each.
import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);

for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const result = await audit.fn();
  const { id, name, status } = result;
  console.log(JSON.stringify({ id, name, status, reason: result.reason }));
}
