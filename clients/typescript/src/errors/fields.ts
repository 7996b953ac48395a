import { hallpassErrors } from "./parse.js";

/** Messages of invalid inputs, by path, such as `{"input.title": "…"}`. */
export type FieldErrors = Readonly<Record<string, string>>;

/** The messages of all `BAD_USER_INPUT` errors in `error`, by the path of the input. */
export function fieldErrors(error: unknown): FieldErrors {
  const fields: Record<string, string> = {};
  for (const one of hallpassErrors(error)) {
    if (one.code === "BAD_USER_INPUT") Object.assign(fields, one.extensions.fields);
  }
  return fields;
}

const TIER = /^TIER\((.+)\)$/;

/** The tier that the caller lacks, from the unmet requirements of a rule. */
export function missingTier(missing: readonly string[]): string | null {
  for (const requirement of missing) {
    const tier = TIER.exec(requirement)?.[1];
    if (tier !== undefined) return tier;
  }
  return null;
}
