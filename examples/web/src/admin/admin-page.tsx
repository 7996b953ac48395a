import type { ReactNode } from "react";
import { NavLink } from "../router/router";
import { Page } from "../ui/page";
import { Notice } from "../ui/states";
import { AnalyticsPart } from "./analytics";
import { AuditPart } from "./audit";
import { UsersPart } from "./users";

const parts: Readonly<Record<string, () => ReactNode>> = {
  analytics: () => <AnalyticsPart />,
  users: () => <UsersPart />,
  audit: () => <AuditPart />,
};

export function AdminPage({ part }: { readonly part: string }): ReactNode {
  const render = parts[part];
  return (
    <Page title="Admin">
      <nav className="tabs" aria-label="Admin">
        <NavLink to="/admin" exact>
          Analytics
        </NavLink>
        <NavLink to="/admin/users">Users</NavLink>
        <NavLink to="/admin/audit">Audit log</NavLink>
      </nav>
      {render === undefined ? <Notice title="There is no such page" /> : render()}
    </Page>
  );
}
