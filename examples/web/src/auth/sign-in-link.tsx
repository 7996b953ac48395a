import type { ReactNode } from "react";
import { Link, usePath } from "../router/router";

type SignInPage = "/sign-in" | "/sign-up";

const isSignIn = (path: string): boolean => path === "/sign-in" || path === "/sign-up";

/** The page that a sign-in leads back to: the one in the address, if it is one of this site. */
export function returnPath(): string {
  const path = new URLSearchParams(location.search).get("to") ?? "";
  return /^\/(?![/\\])/.test(path) && !isSignIn(path) ? path : "/tasks";
}

/** The address of a sign-in that leads back to this path. */
export function signInPath(page: SignInPage, path: string): string {
  return `${page}?to=${encodeURIComponent(isSignIn(path) ? returnPath() : path)}`;
}

interface SignInLinkProps {
  readonly children: ReactNode;
  readonly page?: SignInPage;
  readonly className?: string;
}

/** A link to the sign-in, which leads back to the page with the link. */
export function SignInLink({ page = "/sign-in", ...rest }: SignInLinkProps): ReactNode {
  const path = usePath();
  return <Link to={signInPath(page, path)} isReplacing={isSignIn(path)} {...rest} />;
}
