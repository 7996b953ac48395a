import { fieldErrors, type HallpassError } from "@hallpass/client";

/** A sentence about the errors of a mutation. Null without errors. */
export function describeErrors(errors: readonly HallpassError[]): string | null {
  const first = errors[0];
  if (first === undefined) return null;
  if (first.code === "NETWORK_ERROR") return "The API could not be reached. Try again.";
  if (first.code === "UNAUTHENTICATED") return "Your session has ended. Sign in again.";
  return Object.values(fieldErrors(errors))[0] ?? first.message;
}
