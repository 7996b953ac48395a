import { createContext, useContext, useMemo, useState, type ReactNode } from "react";
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

/** The last answer of the auth server: Better Auth asks again when the window gets the focus, and may fail then. */
function useSettledUser({ data, isPending, error }: ReturnType<typeof authClient.useSession>): string | null | undefined {
  const [settled, setSettled] = useState<string | null>();
  const current = data?.user.id ?? null;
  const isSettled = !isPending && (error === null || error.status === 401);
  if (isSettled && settled !== current) setSettled(current);
  return settled;
}

export function SessionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const result = authClient.useSession();
  const { error, refetch } = result;
  const userId = useSettledUser(result);
  const session = useMemo(() => ({ userId: userId ?? null, refetch: () => void refetch() }), [userId, refetch]);
  if (userId !== undefined) return <SessionContext value={session}>{children}</SessionContext>;
  if (error === null) return <Splash />;
  // The session is not known: that is not the same as being signed out.
  return (
    <Splash>
      <Notice title="The sign-in service does not answer" action="Try again" onAction={session.refetch}>
        Nothing is lost. Try again in a moment.
      </Notice>
    </Splash>
  );
}
