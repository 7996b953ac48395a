import type { ReactNode } from "react";
import { useViewer, type ViewerData } from "../api/viewer";
import { navigate } from "../router/router";
import { Page } from "../ui/page";
import { Notice } from "../ui/states";

interface RequireProps {
  readonly title: string;
  readonly allows: (viewer: ViewerData | null) => boolean;
  readonly children: ReactNode;
}

/** A page for some users. It decides what is shown: what may be read is decided by the server. */
export function Require({ title, allows, children }: RequireProps): ReactNode {
  const viewer = useViewer();
  if (allows(viewer)) return children;
  return (
    <Page title={title}>
      {viewer === null ? (
        <Notice title="Sign in to see this page" action="Sign in" onAction={() => navigate("/sign-in")} />
      ) : (
        <Notice title="Your account cannot open this page" />
      )}
    </Page>
  );
}
