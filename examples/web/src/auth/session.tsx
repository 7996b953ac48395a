import { createContext, useContext, useSyncExternalStore, type ReactNode } from "react";
import { Notice } from "../ui/states";
import { Splash } from "../shell/splash";
import { useRetry } from "../ui/retry";
import { cookie, guest, readSession, subscribeToSession, type Signed } from "./session-store";

const SessionContext = createContext<Signed>(guest);

export const useSession = (): Signed => useContext(SessionContext);

export function SessionProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const { signed, hasFailed } = useSyncExternalStore(subscribeToSession, readSession);
  useRetry(hasFailed, cookie.renew);
  if (signed !== undefined) return <SessionContext value={signed}>{children}</SessionContext>;
  if (!hasFailed) return <Splash />;
  // The session is not known: that is not the same as being signed out.
  return (
    <Splash>
      <Notice title="The sign-in service does not answer" action="Try again" onAction={cookie.renew}>
        Nothing is lost. Try again in a moment.
      </Notice>
    </Splash>
  );
}
