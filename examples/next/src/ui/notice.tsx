import type { ReactNode } from "react";
import type { Problem } from "@/api/problem";

interface NoticeProps {
  readonly title: string;
  readonly children: ReactNode;
  readonly action?: { readonly href: string; readonly label: string };
}

/** What a page shows in place of content. The link is a whole page load: it works without JavaScript. */
export function Notice({ title, children, action }: NoticeProps): ReactNode {
  return (
    <div className="notice">
      <p className="notice-title">{title}</p>
      <p>{children}</p>
      {action === undefined ? null : (
        <a className="button" href={action.href}>
          {action.label}
        </a>
      )}
    </div>
  );
}

export function ProblemNotice({ problem, href }: { readonly problem: Problem; readonly href: string }): ReactNode {
  const action = problem.needsSignIn ? { href: "/sign-in", label: "Sign in" } : { href, label: "Try again" };
  return (
    <div role="alert">
      <Notice title={problem.title} action={action}>
        {problem.text}
      </Notice>
    </div>
  );
}
