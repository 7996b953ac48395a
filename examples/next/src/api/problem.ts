import type { HallpassError } from "@hallpass/client";

/** What a page states in place of data. */
export interface Problem {
  readonly title: string;
  readonly text: string;
  /** Whether a new sign-in may help. Otherwise the user tries again. */
  readonly needsSignIn: boolean;
}

/** An unavailable server is not a sign-out: only a rejected session is. */
export function problemOf(error: HallpassError | undefined): Problem {
  switch (error?.code) {
    case "UNAUTHENTICATED":
      return { title: "Your session was not accepted", text: "Sign in again to see your tasks.", needsSignIn: true };
    case "AUTH_UNAVAILABLE":
      return {
        title: "Your session cannot be verified at the moment",
        text: "The API does not reach the sign-in service. You are still signed in: try again soon.",
        needsSignIn: false,
      };
    case "FORBIDDEN":
    case "RATE_LIMITED":
      return { title: "This cannot be shown", text: error.message, needsSignIn: false };
    default:
      return {
        title: "The API is unavailable",
        text: "Tasks and courses cannot be shown at the moment. A new sign-in does not help: try again soon.",
        needsSignIn: false,
      };
  }
}
