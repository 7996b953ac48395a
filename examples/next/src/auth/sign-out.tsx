"use client";
import { useRouter } from "next/navigation";
import { useState, type ReactNode } from "react";
import { authClient } from "./client";

export function SignOut(): ReactNode {
  const router = useRouter();
  const [hasFailed, setFailed] = useState(false);
  const signOut = async (): Promise<void> => {
    const error = await authClient.signOut().then((result) => result.error, () => true);
    setFailed(error !== null);
    router.refresh();
  };
  return (
    <button type="button" className="button" onClick={() => void signOut()}>
      {hasFailed ? "Try again to sign out" : "Sign out"}
    </button>
  );
}
