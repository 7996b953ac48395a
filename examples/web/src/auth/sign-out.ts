import { authClient } from "./client";
import { dropKept } from "./kept";

/** The session that was last signed out, for all tabs: they do not say that it has ended. */
const KEY = "signed-out";

/** Whether the session was ended by a sign-out in this browser. */
export const isSignedOut = (sessionId: string): boolean => localStorage.getItem(KEY) === sessionId;

/** Ends the session. False if the sign-in service does not answer. */
export async function signOut(sessionId: string): Promise<boolean> {
  localStorage.setItem(KEY, sessionId);
  const { error } = await authClient.signOut().catch(() => ({ error: true }));
  if (error !== null) {
    localStorage.removeItem(KEY);
    return false;
  }
  dropKept();
  return true;
}
