import { createContext, useContext, useMemo, type ReactNode } from "react";
import { Notice } from "../ui/states";
import { Splash } from "../shell/splash";
import { authClient } from "./client";

/** What Better Auth knows about the user of this browser. */
export interface Session {
  /** Null: no user is signed in. */
  readonly userId: string | null;
  /** Asks the auth server again, such as after the API rejected the session. */
  readonly refetch: () => void;
}

const SessionContext = createContext<Session>({ userId: null, refetch: () => undefined });

export const useSession = (): Session => useContext(SessionContext);

export function SessionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const { data, isPending, error, refetch } = authClient.useSession();
  const userId = data?.user.id ?? null;
  const session = useMemo(() => ({ userId, refetch: () => void refetch() }), [userId, refetch]);
  if (data === null && isPending) return <Splash />;
  // The session is not known: that is not the same as being signed out.
  if (data === null && error !== null) {
    return (
      <Splash>
        <Notice title="The sign-in service does not answer" action="Try again" onAction={session.refetch}>
          Nothing is lost. Try again in a moment.
        </Notice>
      </Splash>
    );
  }
  return <SessionContext value={session}>{children}</SessionContext>;
}
