import { notFound } from "next/navigation";
import type { ReactNode } from "react";
import { Chapter } from "@/api/queries";
import { query } from "@/api/server";
import { getSession } from "@/auth/server";
import { Paywall } from "@/courses/paywall";
import { ProblemNotice } from "@/ui/notice";

interface PageProps {
  readonly params: Promise<{ readonly slug: string }>;
}

export default async function ChapterPage({ params }: PageProps): Promise<ReactNode> {
  const { slug } = await params;
  const [session, { data, errors }] = await Promise.all([getSession(), query(Chapter, { slug })]);
  const href = `/chapters/${slug}`;
  const error = errors[0];
  const chapter = data?.chapter ?? null;
  if (chapter === null && error === undefined) notFound();
  if (chapter === null) return <ProblemNotice error={error} href={href} />;
  return (
    <article>
      <p className="muted">{chapter.course?.title}</p>
      <h1>{chapter.title}</h1>
      <p className="lead">{chapter.summary}</p>
      {chapter.personalized === null ? (
        <Paywall error={error} isSignedIn={session !== null} href={href} />
      ) : (
        // The API sanitizes it: `bodyHtml` in the schema.
        <div className="prose" dangerouslySetInnerHTML={{ __html: chapter.personalized.bodyHtml }} />
      )}
    </article>
  );
}
