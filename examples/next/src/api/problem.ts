import type { HallpassError } from "@hallpass/client";

/** What a page states in place of data. */
export interface Problem {
  readonly title: string;
  readonly text: string;
}

/** An unavailable server is not a sign-out: only a rejected session is. */
export function problemOf(error: HallpassError | undefined): Problem {
  switch (error?.code) {
    case "UNAUTHENTICATED":
      return { title: "Your session was not accepted", text: "Sign out, and sign in again." };
    case "AUTH_UNAVAILABLE":
      return {
        title: "Your session cannot be verified at the moment",
        text: "The API does not reach the sign-in service. You are still signed in: try again soon.",
      };
    case "FORBIDDEN":
      return { title: "Your account cannot see this", text: error.message };
    case "RATE_LIMITED":
      return { title: "Too many requests", text: error.message };
    default:
      return { title: "The API is unavailable", text: "This cannot be shown at the moment. A new sign-in does not help: try again soon." };
  }
}
