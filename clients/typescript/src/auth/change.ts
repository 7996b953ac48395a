/** Changes of the user of a credential. */
import { hallpassError, type HallpassError } from "../errors/error.js";

/** `ended`: the session of the user ended, and no user is signed in. `changed`: another user may be signed in. */
export type SessionChange = "ended" | "changed";

export type ChangeListener = (change: SessionChange) => void;

/** The error of a request whose user is no longer the one that is signed in. */
export function sessionEnded(): HallpassError {
  return hallpassError("UNAUTHENTICATED", {
    message: "The session has ended, or another user has signed in.",
  });
}
