/** Calls the listener when the page is visible again or gets the focus. Returns a function that ends it. */
export function onVisible(listener: () => void): () => void {
  if (typeof document === "undefined" || typeof addEventListener === "undefined") return () => undefined;
  const onVisibility = (): void => {
    if (document.visibilityState === "visible") listener();
  };
  document.addEventListener("visibilitychange", onVisibility);
  addEventListener("focus", listener);
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    removeEventListener("focus", listener);
  };
}
