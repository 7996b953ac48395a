import type { ReactNode } from "react";

/** The frame of the page, before it is known who the user is. */
export function Splash({ children = null }: { readonly children?: ReactNode }): ReactNode {
  return (
    <>
      <header className="shell-header">
        <div className="shell-bar">
          <span className="brand">Hallpass Academy</span>
        </div>
        <div className="shell-nav" />
      </header>
      <main aria-busy={children === null}>
        {children === null ? null : <h1 className="visually-hidden">Hallpass Academy</h1>}
        {children}
      </main>
    </>
  );
}
