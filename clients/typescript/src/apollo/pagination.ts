/** Field policies for connections. */
import type { FieldFunctionOptions, FieldPolicy, StoreObject, TypePolicies } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import type { ConnectionField } from "../cache/connections.js";
import { asArray, asObject, asString, isObject, type JsonObject } from "../json.js";

type Rows = readonly unknown[];
type ReadField = FieldFunctionOptions["readField"];

/** The rows of `nodes`, merged as `relayStylePagination` merges those of `edges`. */
function mergeNodes(existing: Rows, incoming: Rows, args: JsonObject): Rows {
  if (typeof args["after"] === "string") return [...existing, ...incoming];
  return typeof args["before"] === "string" ? [...incoming, ...existing] : incoming;
}

const isStored = (value: unknown): value is StoreObject => isObject(value);

/** A list without the rows of a page that is merged into it: each row is in a list once. */
function without(list: unknown, page: JsonObject, readField: ReadField): JsonObject | undefined {
  if (list === undefined) return undefined;
  const refOf = (row: unknown): string | null => asString(asObject(row)["__ref"]);
  const nodeOf = (edge: unknown): unknown => (isStored(edge) ? readField("node", edge) : undefined);
  const added = new Set([...asArray(page["nodes"]).map(refOf), ...asArray(page["edges"]).map((edge) => refOf(nodeOf(edge)))]);
  const isLeft = (row: unknown): boolean => refOf(row) === null || !added.has(refOf(row));
  const { edges, nodes, ...rest } = asObject(list);
  return {
    ...rest,
    edges: asArray(edges).filter((edge) => isLeft(nodeOf(edge))),
    ...(nodes === undefined ? {} : { nodes: asArray(nodes).filter(isLeft) }),
  };
}

/** `relayStylePagination`, also for a list that is selected by its `nodes`. */
export function connectionPolicy(keyArgs: readonly string[]): FieldPolicy {
  const policy: FieldPolicy = relayStylePagination(keyArgs.length > 0 ? [...keyArgs] : false);
  const { merge } = policy;
  if (typeof merge !== "function") return policy;
  return {
    ...policy,
    merge: (existing, incoming, options) => {
      const left = without(existing, asObject(incoming), options.readField);
      const merged = asObject(merge(left, incoming, options));
      const nodes = asObject(incoming)["nodes"];
      if (!Array.isArray(nodes)) return merged;
      return { ...merged, nodes: mergeNodes(asArray(left?.["nodes"]), nodes, asObject(options.args)) };
    },
  };
}

/** The policies of all connections of a schema. */
export function typePolicies(connections: readonly ConnectionField[]): TypePolicies {
  const policies: Record<string, { fields: Record<string, FieldPolicy> }> = {};
  for (const { type, field, keyArgs } of connections) {
    const policy = (policies[type] ??= { fields: {} });
    policy.fields[field] = connectionPolicy(keyArgs);
  }
  return policies;
}
