import type { Metadata, Viewport } from "next";
import Link from "next/link";
import type { ReactNode } from "react";
import { getSession } from "@/auth/server";
import { SignOut } from "@/auth/sign-out";
import "./base.css";
import "./parts.css";

export const metadata: Metadata = { title: "Hallpass with Next.js", description: "Tasks and courses, rendered on the server" };

export const viewport: Viewport = { width: "device-width", initialScale: 1, colorScheme: "light dark" };

// The session is read from Better Auth itself: the header is right also while the API is unavailable.
async function Account(): Promise<ReactNode> {
  const session = await getSession();
  if (session === null) {
    return (
      <Link className="button" href="/sign-in">
        Sign in
      </Link>
    );
  }
  return (
    <div className="account">
      <span className="account-name">{session.user.name}</span>
      <span className="chip">{session.user.tier}</span>
      <SignOut />
    </div>
  );
}

export default function Layout({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <html lang="en">
      <body>
        <a className="skip" href="#main">
          Skip to the content
        </a>
        <header className="shell">
          <div className="shell-bar">
            <Link className="brand" href="/">
              Workshop
            </Link>
            <Account />
          </div>
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </body>
    </html>
  );
}
