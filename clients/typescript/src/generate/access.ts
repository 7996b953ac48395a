/** What `hallpass access --json` states: rules by field, and error codes. */
import { asArray, asObject, asString, type JsonObject } from "../json.js";

export interface AccessRule {
  /** Name of the rule, as in `extensions.rule`. */
  readonly rule: string;
  /** Scopes that an OAuth client needs. */
  readonly scope: string | null;
}

/** The rows of the table: none, if no field has a rule. */
function rows(access: unknown): readonly JsonObject[] {
  const found = asObject(access)["rows"];
  if (!Array.isArray(found)) throw new Error("The file is not an access table: create it with `hallpass access --json`.");
  return found.map(asObject);
}

export function accessRules(access: unknown): Record<string, AccessRule> {
  const rules: Record<string, AccessRule> = {};
  for (const row of rows(access)) {
    const [field, rule] = [asString(row["field"]), asString(row["rule"])];
    if (field === null || rule === null) throw new Error("A row of the access table has no field, or no rule.");
    rules[field] = { rule, scope: asString(row["scope"]) };
  }
  return rules;
}

/** Tiers, lowest first. */
export function tiers(access: unknown): string[] {
  return asArray(asObject(access)["tiers"]).flatMap((tier) => asString(tier) ?? []);
}

/** The codes of denials in the table. */
export function denialCodes(access: unknown): string[] {
  const answers = rows(access).flatMap((row) => asArray(row["cells"]).map((cell) => asString(asObject(cell)["answer"])));
  return answers.filter((answer) => answer !== null).filter((answer) => /^[A-Z][A-Z0-9_]*$/.test(answer));
}
