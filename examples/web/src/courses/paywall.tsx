import type { Lock } from "@hallpass/client/react";
import type { ReactNode } from "react";
import { SignInLink } from "../auth/sign-in-link";

/** What is shown in place of a text that the reader's tier does not include. */
export function Paywall({ lock, viewerTier }: { readonly lock: Lock; readonly viewerTier: string | null }): ReactNode {
  return (
    <section className="paywall" aria-labelledby="paywall">
      <p className="paywall-tier">{lock.tier ?? "Locked"}</p>
      <h2 id="paywall">{lock.message}</h2>
      {viewerTier === null ? (
        <>
          <p>Sign in to read it, if your account has the tier {lock.tier}.</p>
          <div className="row wrap centered">
            <SignInLink className="button primary">Sign in</SignInLink>
            <SignInLink page="/sign-up" className="button">
              Create an account
            </SignInLink>
          </div>
        </>
      ) : (
        <p>
          Your tier is {viewerTier}. {lock.tier === null ? null : `Ask us for ${lock.tier}: the change takes effect at your next sign-in.`}
        </p>
      )}
    </section>
  );
}
