import { missingTier, type HallpassError } from "@hallpass/client";
import type { ReactNode } from "react";
import { Notice, ProblemNotice } from "@/ui/notice";

interface PaywallProps {
  readonly error: HallpassError | undefined;
  readonly isSignedIn: boolean;
  readonly href: string;
}

/** Why the text is missing: the caller's tier, no sign-in, no text, or an error. */
export function Paywall({ error, isSignedIn, href }: PaywallProps): ReactNode {
  if (error === undefined) return <Notice title="This chapter has no text yet">It will be published later.</Notice>;
  if (!isSignedIn && error.code === "UNAUTHENTICATED") {
    return (
      <Notice title="Sign in to read this chapter" action={{ href: "/sign-in", label: "Sign in" }}>
        {error.message}
      </Notice>
    );
  }
  if (error.code !== "FORBIDDEN") return <ProblemNotice error={error} href={href} />;
  const tier = missingTier(error.extensions.missing);
  return (
    <Notice title={tier === null ? "Your account cannot read this chapter" : `This chapter is for ${tier} members`}>{error.message}</Notice>
  );
}
