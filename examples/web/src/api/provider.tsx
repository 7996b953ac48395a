import { ApolloProvider } from "@apollo/client/react";
import { useEffect, useState, type ReactNode } from "react";
import { useSession } from "../auth/session";
import { Splash } from "../shell/splash";
import { connect, type Connection } from "./connection";
import { useCredential, type CredentialKind } from "./credential";

interface OpenProps {
  readonly userId: string | null;
  readonly kind: CredentialKind;
  readonly refetch: () => void;
  readonly children: ReactNode;
}

function Open({ userId, kind, refetch, children }: OpenProps): ReactNode {
  const [connection, setConnection] = useState<Connection>();
  useEffect(() => {
    const opened = connect(userId, kind, refetch);
    setConnection(opened);
    return () => opened.close();
  }, [userId, kind, refetch]);
  if (connection === undefined) return <Splash />;
  return <ApolloProvider client={connection.client}>{children}</ApolloProvider>;
}

/** Everything below is mounted again for another user: no state of one user is shown to the next. */
export function ApiProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const { userId, refetch } = useSession();
  const kind = useCredential();
  return (
    <Open key={`${userId}:${kind}`} userId={userId} kind={kind} refetch={refetch}>
      {children}
    </Open>
  );
}
