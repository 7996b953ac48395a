/** Field policies for connections. */
import type { FieldPolicy, TypePolicies } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import type { ConnectionField } from "../cache/connections.js";
import { asArray, asObject, type JsonObject } from "../json.js";

type Nodes = readonly unknown[];

/** The rows of `nodes`, merged as `relayStylePagination` merges those of `edges`. */
function mergeNodes(existing: Nodes, incoming: Nodes, args: JsonObject): Nodes {
  if (typeof args["after"] === "string") return [...existing, ...incoming];
  return typeof args["before"] === "string" ? [...incoming, ...existing] : incoming;
}

/** `relayStylePagination`, also for a list that is selected by its `nodes`. */
export function connectionPolicy(keyArgs: readonly string[]): FieldPolicy {
  const policy: FieldPolicy = relayStylePagination(keyArgs.length > 0 ? [...keyArgs] : false);
  const { merge } = policy;
  if (typeof merge !== "function") return policy;
  return {
    ...policy,
    merge: (existing, incoming, options) => {
      const merged = asObject(merge(existing, incoming, options));
      const nodes = asObject(incoming)["nodes"];
      if (!Array.isArray(nodes)) return merged;
      return { ...merged, nodes: mergeNodes(asArray(asObject(existing)["nodes"]), nodes, asObject(options.args)) };
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
