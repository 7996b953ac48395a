/** The facts about a schema that caches need: a module that `hallpass-client generate` wrote has them. */
import type { ConnectionField } from "./connections.js";

export interface SchemaFacts {
  readonly possibleTypes: Readonly<Record<string, readonly string[]>>;
  readonly typesWithoutId: readonly string[];
  readonly typesWithLocalId: readonly string[];
  readonly connections: readonly ConnectionField[];
}
