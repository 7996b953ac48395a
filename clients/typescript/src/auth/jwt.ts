import { asNumber, asObject, asString, parseJson } from "../json.js";

/** Assumed lifetime of a token that does not state one. Milliseconds. */
const UNKNOWN_LIFETIME = 60_000;

function decodePayload(token: string): unknown {
  const part = token.split(".")[1];
  if (part === undefined) return undefined;
  try {
    return parseJson(atob(part.replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return undefined;
  }
}

/**
 * How long a token is valid after it was issued, in milliseconds. Computed from `iat` and `exp`, not from the clock of
 * this device, which may be wrong.
 */
export function lifetime(token: string): number {
  const claims = asObject(decodePayload(token));
  const [issued, expires] = [asNumber(claims["iat"]), asNumber(claims["exp"])];
  if (issued === null || expires === null) return UNKNOWN_LIFETIME;
  return Math.max(0, expires - issued) * 1000;
}

/** The user of a token. Tokens without a subject are those of one user. */
export function subject(token: string): string {
  return asString(asObject(decodePayload(token))["sub"]) ?? "";
}
