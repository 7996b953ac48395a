import type { HallpassError } from "@hallpass/client";
import type { ReactNode } from "react";
import { problemOf } from "@/api/problem";

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

export function ProblemNotice({ error, href }: { readonly error: HallpassError | undefined; readonly href: string }): ReactNode {
  const { title, text } = problemOf(error);
  return (
    <div role="alert">
      <Notice title={title} action={{ href, label: "Try again" }}>
        {text}
      </Notice>
    </div>
  );
}
