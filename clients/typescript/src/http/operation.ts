/** What a request does, read from its body. */
import { asObject, asString, parseJson } from "../json.js";

/** Comments, block strings and strings of a document: they may contain any word. */
const IGNORED = /"""[\s\S]*?(?<!\\)"""|"(?:\\.|[^"\\\n])*"|#[^\n]*/g;

/** Whether a document has a mutation: `mutation` where a definition may begin. */
export function hasMutation(document: string): boolean {
  let depth = 0;
  for (const [token] of document.replace(IGNORED, " ").matchAll(/[{}()]|\w+/g)) {
    if (token === "{" || token === "(") depth += 1;
    else if (token === "}" || token === ")") depth -= 1;
    else if (depth === 0 && token === "mutation") return true;
  }
  return false;
}

/** Whether the request may change something: it has a mutation, or a document that is not known here. */
export function mayChange(init: RequestInit | undefined): boolean {
  if ((init?.method ?? "GET").toUpperCase() === "GET") return false;
  const document = asString(asObject(parseJson(asString(init?.body) ?? ""))["query"]);
  return document === null || hasMutation(document);
}
