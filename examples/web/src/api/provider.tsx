import { ApolloProvider } from "@apollo/client/react";
import { useEffect, useState, type ReactNode } from "react";
import { useSession } from "../auth/session";
import { Splash } from "../shell/splash";
import { connect, onSessionChange, settled, shown, type Connection } from "./connection";
import { SocketProvider } from "./outage";
import { useCredential, type CredentialKind } from "./credential";

interface OpenProps {
  readonly isGuest: boolean;
  readonly kind: CredentialKind;
  readonly children: ReactNode;
}

function Open({ isGuest, kind, children }: OpenProps): ReactNode {
  const [connection, setConnection] = useState<Connection>();
  useEffect(() => {
    let opened: Connection | undefined;
    let attempts = 0;
    const close = (): void => {
      attempts += 1;
      opened?.close();
    };
    const open = async (): Promise<void> => {
      const attempt = attempts;
      await settled(kind);
      if (attempt !== attempts) return;
      opened = connect(isGuest, kind);
      setConnection(opened);
    };
    // Nothing is shown until it is known who is signed in. For another user, all of this is mounted again.
    const change = async (): Promise<void> => {
      close();
      const attempt = attempts;
      setConnection(undefined);
      await shown(kind);
      if (attempt === attempts) await open();
    };
    const stop = onSessionChange(kind, () => void change());
    void open();
    return () => {
      stop();
      close();
    };
  }, [isGuest, kind]);
  if (connection === undefined) return <Splash />;
  return (
    <SocketProvider connection={connection}>
      <ApolloProvider client={connection.client}>{children}</ApolloProvider>
    </SocketProvider>
  );
}

/** Everything below is mounted again for another session: no state of one user is shown to the next. */
export function ApiProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const { userId, sessionId } = useSession();
  const kind = useCredential();
  return (
    <Open key={`${sessionId}:${kind}`} isGuest={userId === null} kind={kind}>
      {children}
    </Open>
  );
}
