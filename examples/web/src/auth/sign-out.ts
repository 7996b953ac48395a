import { authClient } from "./client";
import { dropKept } from "./kept";

const signedOut = new Set<string>();

/** Whether the session was ended on this page. */
export const isSignedOut = (sessionId: string): boolean => signedOut.has(sessionId);

/** Ends the session. False if the sign-in service does not answer. */
export async function signOut(sessionId: string): Promise<boolean> {
  signedOut.add(sessionId);
  const { error } = await authClient.signOut().catch(() => ({ error: true }));
  if (error !== null) {
    signedOut.delete(sessionId);
    return false;
  }
  dropKept();
  return true;
}
