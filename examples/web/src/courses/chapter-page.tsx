import { useQuery } from "@apollo/client/react";
import { Locked } from "@hallpass/client/react";
import type { ReactNode } from "react";
import { useViewer } from "../api/viewer";
import { useFragment as unmask } from "../gql";
import type { ChapterQuery } from "../gql/graphql";
import { Link, navigate } from "../router/router";
import { Page } from "../ui/page";
import { ErrorNotice, isTemporary, Notice, Skeleton } from "../ui/states";
import { Chapter, ChapterRow } from "./documents";
import { LiveProgress } from "./live";
import { Neighbours } from "./neighbours";
import { Paywall } from "./paywall";
import { ProfileForm } from "./profile-form";
import { Reading } from "./reading";

type Text = NonNullable<NonNullable<ChapterQuery["chapter"]>["personalized"]>;

/** The text. The server sanitized its HTML. */
function ChapterText({ text }: { readonly text: Text | null }): ReactNode {
  const viewer = useViewer();
  if (text === null) return <Notice title="This chapter has no text yet" />;
  return (
    <>
      <details className="why">
        <summary>Why this version</summary>
        {text.because.map((reason) => (
          <p key={reason}>{reason}</p>
        ))}
        {viewer === null ? null : <ProfileForm />}
      </details>
      <article className="prose" dangerouslySetInnerHTML={{ __html: text.bodyHtml }} />
    </>
  );
}

export function ChapterPage({ slug }: { readonly slug: string }): ReactNode {
  const viewer = useViewer();
  // A text that the reader may not see is null, with an error: the rest of the chapter is shown.
  const { data, previousData, error, refetch } = useQuery(Chapter, { variables: { slug }, errorPolicy: "all" });
  const chapter = (data ?? previousData)?.chapter;
  const retry = (): void => void refetch();
  if (chapter === undefined) {
    if (error === undefined) return <Skeleton rows={8} height={64} />;
    return (
      <Page title="Chapter">
        <ErrorNotice error={error} onRetry={retry} />
      </Page>
    );
  }
  if (chapter === null || chapter.course === null) {
    return (
      <Page title="Chapter not found">
        <Notice title="There is no chapter at this address" action="See the courses" onAction={() => navigate("/courses")} />
      </Page>
    );
  }
  const row = unmask(ChapterRow, chapter);
  const { course } = chapter;
  return (
    <div className="reader">
      <p className="crumbs">
        <Link to={`/courses/${course.slug}`}>{course.title}</Link>
      </p>
      <Page title={row.title} lead={row.summary}>
        {isTemporary(error) ? <ErrorNotice error={error} isOld onRetry={retry} /> : null}
        <Locked error={error} path="chapter.personalized" fallback={(lock) => <Paywall lock={lock} viewerTier={viewer?.tier ?? null} />}>
          <LiveProgress />
          <ChapterText text={chapter.personalized} />
          {viewer === null || chapter.personalized === null ? null : <Reading chapter={row} />}
        </Locked>
        <Neighbours course={course.slug} previous={chapter.previous} next={chapter.next} />
      </Page>
    </div>
  );
}
