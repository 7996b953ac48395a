import { firstError } from "@hallpass/client";

/** A sentence about an error, to show to the user. */
export function describe(error: unknown): string {
  const first = firstError(error);
  if (first === undefined) return "Something went wrong.";
  switch (first.code) {
    case "UNAUTHENTICATED":
      return "Your session has ended. Sign in again.";
    case "REAUTHENTICATION_REQUIRED":
      return "This needs a recent sign-in. Sign out, sign in again, and repeat it.";
    case "BAD_USER_INPUT":
      return Object.values(first.extensions.fields)[0] ?? first.message;
    default:
      return first.message;
  }
}

export const codeOf = (error: unknown): string | undefined => firstError(error)?.code;
