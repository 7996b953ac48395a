import { isObject, type JsonObject } from "../json.js";

/** Whether the selection has a field whose value is an empty list: it does not show whether it has objects. */
type EmptyLists = "selected" | "left out";

/** The selection of a value from a response, which has neither aliases nor arguments. */
export function selectionOf(value: JsonObject, emptyLists: EmptyLists = "left out"): string {
  const parts = Object.entries(value).map(([name, part]) => {
    const sample: unknown = Array.isArray(part) && part.length > 0 ? part[0] : part;
    if (name === "__typename" || (Array.isArray(sample) && emptyLists === "left out")) return "";
    return isObject(sample) ? `${name} ${selectionOf(sample, emptyLists)}` : name;
  });
  return `{ __typename ${parts.join(" ")} }`;
}
