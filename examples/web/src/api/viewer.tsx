import { useQuery } from "@apollo/client/react";
import { createContext, useContext, type ReactNode } from "react";
import { keepFor } from "../auth/kept";
import { graphql } from "../gql";
import type { ViewerQuery } from "../gql/graphql";
import { Splash } from "../shell/splash";
import { ErrorNotice } from "../ui/states";

const Viewer = graphql(`
  query Viewer {
    viewer {
      id
      authId
      name
      email
      roles
      tier
      method
    }
  }
`);

export type ViewerData = NonNullable<ViewerQuery["viewer"]>;

const ViewerContext = createContext<ViewerData | null>(null);

/** Who the API says the user is. Null for a guest. */
export const useViewer = (): ViewerData | null => useContext(ViewerContext);

export const isAdmin = (viewer: ViewerData | null): boolean => viewer?.roles.includes("admin") ?? false;

/** The server's default is that admins have the rights of editors. */
export const isEditor = (viewer: ViewerData | null): boolean =>
  isAdmin(viewer) || (viewer?.roles.includes("editor") ?? false);

export function ViewerProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const { data, error, refetch } = useQuery(Viewer);
  if (data === undefined) {
    return <Splash>{error === undefined ? null : <ErrorNotice error={error} onRetry={() => void refetch()} />}</Splash>;
  }
  if (data.viewer !== null) keepFor(data.viewer.id);
  return <ViewerContext value={data.viewer ?? null}>{children}</ViewerContext>;
}
