import type { ReactNode } from "react";
import { useOutage, type Outage } from "../api/outage";
import { isAdmin, isEditor, useViewer } from "../api/viewer";
import { useSession } from "../auth/session";
import { SignInLink } from "../auth/sign-in-link";
import { Link, NavLink, usePath } from "../router/router";
import { Account } from "./account";

const banners: Readonly<Record<Outage, string>> = {
  offline: "You are offline. What you see may be old, and changes cannot be saved.",
  disconnected: "The connection to the server is lost. Changes of others arrive once it is back.",
};

export function Shell({ children }: { readonly children: ReactNode }): ReactNode {
  const viewer = useViewer();
  const outage = useOutage();
  const { hasEnded } = useSession();
  const path = usePath();
  return (
    <>
      <a href="#main" className="skip">
        Skip to the content
      </a>
      <header className="shell-header">
        <div className="shell-bar">
          <Link to="/courses" className="brand">
            Hallpass Academy
          </Link>
          <Account />
        </div>
        <nav aria-label="Main" className="shell-nav">
          <NavLink to="/courses">Courses</NavLink>
          <NavLink to="/tasks">Tasks</NavLink>
          {isEditor(viewer) ? <NavLink to="/editor">Editor</NavLink> : null}
          {isAdmin(viewer) ? <NavLink to="/admin">Admin</NavLink> : null}
        </nav>
      </header>
      <div role="status">
        {hasEnded ? (
          <p className="banner">
            Your session has ended. {path === "/sign-in" ? null : <SignInLink className="button primary">Sign in again</SignInLink>}
          </p>
        ) : null}
        {outage === null ? null : <p className="banner">{banners[outage]}</p>}
      </div>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}
