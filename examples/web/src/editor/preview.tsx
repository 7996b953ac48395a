import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import { useDeferredValue, useMemo, type ReactNode } from "react";

/** The text as HTML. The server renders the published text; this renderer escapes all HTML that the text contains. */
export function Preview({ markdown }: { readonly markdown: string }): ReactNode {
  const text = useDeferredValue(markdown);
  const html = useMemo(() => micromark(text, { extensions: [gfm()], htmlExtensions: [gfmHtml()] }), [text]);
  if (text.trim() === "") return <p className="muted">Nothing to show yet.</p>;
  return <article className="prose" dangerouslySetInnerHTML={{ __html: html }} />;
}
