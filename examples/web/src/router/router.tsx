import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent, type ReactNode } from "react";

const listeners = new Set<() => void>();
let isNavigated = false;
let isLeaving = false;

/** The state of an entry of the history that was added by a link: the one before it is a page of this application. */
const FOLLOWED = "followed";

const notify = (): void => listeners.forEach((listener) => listener());

function announce(): void {
  isNavigated = true;
  notify();
}

/** Whether the page is not the one that was opened first. */
export const wasNavigated = (): boolean => isNavigated;

addEventListener("popstate", () => {
  isLeaving = false;
  announce();
});

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const usePath = (): string => useSyncExternalStore(subscribe, () => location.pathname);

export function navigate(path: string): void {
  if (path === location.pathname) return;
  history.pushState(FOLLOWED, "", path);
  scrollTo(0, 0);
  announce();
}

/** Puts a page in place of the current one. */
export function replace(path: string): void {
  history.replaceState(history.state, "", path);
  scrollTo(0, 0);
  announce();
}

/**
 * Leaves a page that has done its work, so that the button "back" does not lead to it: to the page with the link that
 * led here, or else to this path.
 */
export function leave(path: string): void {
  if (isLeaving) return;
  if (history.state !== FOLLOWED) return replace(path);
  isLeaving = true;
  history.back();
}

/** Replaces the address that was opened: this is not a navigation by the user. */
export function redirect(path: string): void {
  history.replaceState(null, "", path);
  notify();
}

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  readonly to: string;
  /** Whether the page takes the place of the current one in the history. */
  readonly isReplacing?: boolean;
}

/** A link within the application. A click with a modifier key stays the browser's. */
export function Link({ to, onClick, isReplacing = false, ...rest }: LinkProps): ReactNode {
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (isReplacing) replace(to);
    else navigate(to);
  };
  return <a href={to} onClick={follow} {...rest} />;
}

/** A link of a navigation: marked on its own page and on those below it. */
export function NavLink({ to, children, exact = false }: { readonly to: string; readonly children: ReactNode; readonly exact?: boolean }): ReactNode {
  const path = usePath();
  const isCurrent = path === to || (!exact && path.startsWith(`${to}/`));
  return (
    <Link to={to} aria-current={isCurrent ? "page" : undefined}>
      {children}
    </Link>
  );
}

/** The parts of the path that match `:names` of the pattern, or null. */
export function match(pattern: string, path: string): Readonly<Record<string, string>> | null {
  const [wanted, given] = [pattern.split("/"), path.replace(/(?<=.)\/$/, "").split("/")];
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? "";
    if (part.startsWith(":")) found[part.slice(1)] = value;
    else if (part !== value) return null;
  }
  return found;
}
