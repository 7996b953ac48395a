import type { ReactNode } from "react";

/** The paragraphs of a text. */
export function Paragraphs({ text }: { readonly text: string }): ReactNode {
  return text.split(/\n{2,}/).map((paragraph, index) => <p key={index}>{paragraph}</p>);
}

/** The first sentences of a text, for a card. */
export function excerpt(text: string, length = 180): string {
  if (text.length <= length) return text;
  return `${text.slice(0, text.lastIndexOf(" ", length))} …`;
}

/** The text without case and accents: what a search compares. */
export const folded = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

export const chapterCount = (count: number): string => (count === 1 ? "1 chapter" : `${count} chapters`);
