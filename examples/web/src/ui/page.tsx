import { useEffect, useRef, type ReactNode } from "react";
import { wasNavigated } from "../router/router";

interface PageProps {
  readonly title: string;
  readonly lead?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** A page with its heading. After a navigation the heading has the focus: screen readers announce the new page. */
export function Page({ title, lead, actions, children }: PageProps): ReactNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Hallpass Academy`;
  }, [title]);
  useEffect(() => {
    if (wasNavigated()) heading.current?.focus();
  }, []);
  return (
    <>
      <header className="page-header">
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {lead === undefined ? null : <p className="lead">{lead}</p>}
        </div>
        {actions}
      </header>
      {children}
    </>
  );
}
