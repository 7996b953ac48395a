import { useQuery } from "@apollo/client/react";
import type { ReactNode } from "react";
import { useFragment as unmask } from "../gql";
import type { ChapterRowFragment, CourseProgressFragment, CourseQuery } from "../gql/graphql";
import { Link, navigate } from "../router/router";
import { Page } from "../ui/page";
import { Loaded } from "../ui/loaded";
import { Notice, Skeleton } from "../ui/states";
import { ChapterItem } from "./chapter-item";
import { ChapterRow, Course, CourseProgress } from "./documents";
import { LiveProgress } from "./live";
import { ProgressBar } from "./progress";
import { chapterCount, Paragraphs } from "./text";

function Chapters({ chapters }: { readonly chapters: readonly ChapterRowFragment[] }): ReactNode {
  if (chapters.length === 0) return <Notice title="This course has no chapters yet" />;
  return (
    <ol className="list" aria-label="Chapters">
      {chapters.map((chapter) => (
        <ChapterItem key={chapter.id} chapter={chapter} />
      ))}
    </ol>
  );
}

/** How far the reader is, and where to go on. Nothing for a guest. */
function Progress({ course }: { readonly course: CourseProgressFragment }): ReactNode {
  const { progress, chapterCount: count } = course;
  if (progress === null || count === 0) return null;
  const { completedChapters, startedChapters, nextChapter, percent } = progress;
  return (
    <section className="card stack" aria-label="Your progress">
      <ProgressBar percent={percent} label="Your progress in this course" />
      <div className="row wrap">
        <span className="muted grow">{`${completedChapters} of ${chapterCount(count)} read`}</span>
        {nextChapter === null ? null : (
          <Link to={`/courses/${course.slug}/${nextChapter.slug}`} className="button primary">
            {`${startedChapters === 0 ? "Start" : "Continue"}: ${nextChapter.title}`}
          </Link>
        )}
      </div>
    </section>
  );
}

function Content({ course }: CourseQuery): ReactNode {
  if (course === null) return <Notice title="There is no course at this address" action="See the courses" onAction={() => navigate("/courses")} />;
  return (
    <>
      <LiveProgress />
      <div className="prose">
        <Paragraphs text={course.description} />
      </div>
      <section className="section" aria-labelledby="chapters">
        <h2 id="chapters">Chapters</h2>
        <Progress course={unmask(CourseProgress, course)} />
        <Chapters chapters={unmask(ChapterRow, course.chapters.nodes)} />
      </section>
    </>
  );
}

export function CoursePage({ slug }: { readonly slug: string }): ReactNode {
  const result = useQuery(Course, { variables: { slug }, fetchPolicy: "cache-and-network" });
  if (result.loading && result.data === undefined) return <Skeleton rows={6} height={72} />;
  const title = result.data?.course === null ? "Course not found" : (result.data?.course.title ?? "Course");
  return (
    <Page title={title}>
      <Loaded result={result} skeleton={null}>
        {(data) => <Content {...data} />}
      </Loaded>
    </Page>
  );
}
