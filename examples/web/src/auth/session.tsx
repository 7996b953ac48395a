import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import { Notice } from "../ui/states";
import { Splash } from "../shell/splash";
import { useRetry } from "../ui/retry";
import { authClient } from "./client";
import { isSignedOut } from "./sign-out";

/** What Better Auth knows about the user of this browser. */
export interface Session {
  /** Null: no user is signed in. */
  readonly userId: string | null;
  readonly sessionId: string | null;
  /** Whether a session ended that was not signed out on this page. */
  readonly hasEnded: boolean;
  /** Asks the auth server again. */
  readonly refetch: () => Promise<void>;
}

type Settled = Omit<Session, "refetch">;

const guest: Settled = { userId: null, sessionId: null, hasEnded: false };

const SessionContext = createContext<Session>({ ...guest, refetch: async () => undefined });

export const useSession = (): Session => useContext(SessionContext);

function next(last: Settled | undefined, data: ReturnType<typeof authClient.useSession>["data"]): Settled {
  if (data !== null) return { userId: data.user.id, sessionId: data.session.id, hasEnded: false };
  const ended = last?.sessionId ?? null;
  return { ...guest, hasEnded: ended === null ? last?.hasEnded === true : !isSignedOut(ended) };
}

/** The last answer of the auth server: Better Auth asks again when the window gets the focus, and may fail then. */
function useSettled({ data, isPending, error }: ReturnType<typeof authClient.useSession>): Settled | undefined {
  const [settled, setSettled] = useState<Settled>();
  const isSettled = !isPending && (error === null || error.status === 401);
  if (isSettled && settled?.sessionId !== (data?.session.id ?? null)) setSettled(next(settled, data));
  return settled;
}

export function SessionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const result = authClient.useSession();
  const { error, refetch } = result;
  const settled = useSettled(result);
  const ask = useCallback(async (): Promise<void> => refetch(), [refetch]);
  const session = useMemo(() => ({ ...(settled ?? guest), refetch: ask }), [settled, ask]);
  useRetry(error !== null && error.status !== 401, () => void ask());
  if (settled !== undefined) return <SessionContext value={session}>{children}</SessionContext>;
  if (error === null) return <Splash />;
  // The session is not known: that is not the same as being signed out.
  return (
    <Splash>
      <Notice title="The sign-in service does not answer" action="Try again" onAction={() => void session.refetch()}>
        Nothing is lost. Try again in a moment.
      </Notice>
    </Splash>
  );
}
