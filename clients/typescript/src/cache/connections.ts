/** Fields that return connections, as generated from a schema. */
export interface ConnectionField {
  /** The type with the field. */
  readonly type: string;
  readonly field: string;
  /** Arguments that select and order the rows: each combination is a list of its own. */
  readonly keyArgs: readonly string[];
  /** The type of the edges. */
  readonly edge: string;
}

/** Arguments that select a page of a list. */
export const pageArguments: readonly string[] = ["first", "after", "last", "before"];

/** Whether the arguments select all rows, in the default order. */
export function isWholeList(args: Readonly<Record<string, unknown>> | null): boolean {
  const isNothing = (value: unknown): boolean => value === null || value === undefined;
  return Object.entries(args ?? {}).every(([name, value]) => pageArguments.includes(name) || isNothing(value));
}
