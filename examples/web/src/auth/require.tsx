import type { ReactNode } from "react";
import { useViewer, type ViewerData } from "../api/viewer";
import { navigate, usePath } from "../router/router";
import { Page } from "../ui/page";
import { Notice } from "../ui/states";
import { useSession } from "./session";
import { signInPath } from "./sign-in-link";

/** Without a button, if the banner of the ended session has it. */
function SignInNotice(): ReactNode {
  const path = usePath();
  const { hasEnded } = useSession();
  const title = "Sign in to see this page";
  if (hasEnded) return <Notice title={title} />;
  return <Notice title={title} action="Sign in" onAction={() => navigate(signInPath("/sign-in", path))} />;
}

interface RequireProps {
  readonly title: string;
  readonly allows: (viewer: ViewerData | null) => boolean;
  readonly children: ReactNode;
}

/** A page for some users. It decides what is shown: what may be read is decided by the server. */
export function Require({ title, allows, children }: RequireProps): ReactNode {
  const viewer = useViewer();
  if (allows(viewer)) return children;
  return <Page title={title}>{viewer === null ? <SignInNotice /> : <Notice title="Your account cannot open this page" />}</Page>;
}
