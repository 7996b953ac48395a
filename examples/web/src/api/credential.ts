import { useSyncExternalStore } from "react";

/** How requests are authenticated: by the session cookie, or by a JWT of Better Auth. */
export type CredentialKind = "cookie" | "jwt";

const KEY = "credential";
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const read = (): CredentialKind => (localStorage.getItem(KEY) === "jwt" ? "jwt" : "cookie");

export function setCredential(kind: CredentialKind): void {
  localStorage.setItem(KEY, kind);
  for (const listener of [...listeners]) listener();
}

export const useCredential = (): CredentialKind => useSyncExternalStore(subscribe, read);
