import { useQuery } from "@apollo/client/react";
import type { ReactNode } from "react";
import { useFragment as unmask } from "../gql";
import { navigate } from "../router/router";
import { Page } from "../ui/page";
import { ErrorNotice, Notice, Skeleton } from "../ui/states";
import { ChapterItem } from "./chapter-item";
import { ChapterRow, Course, CourseChapters } from "./documents";
import { Paragraphs } from "./text";

function Chapters({ course }: { readonly course: string }): ReactNode {
  const { data, error, refetch } = useQuery(CourseChapters, { variables: { course }, fetchPolicy: "cache-and-network" });
  if (data === undefined) return error === undefined ? <Skeleton rows={4} height={92} /> : <ErrorNotice error={error} onRetry={() => void refetch()} />;
  const chapters = unmask(ChapterRow, data.chapters.nodes);
  if (chapters.length === 0) return <Notice title="This course has no chapters yet" />;
  return (
    <ol className="list" aria-label="Chapters">
      {chapters.map((chapter) => (
        <ChapterItem key={chapter.id} chapter={chapter} />
      ))}
    </ol>
  );
}

export function CoursePage({ slug }: { readonly slug: string }): ReactNode {
  const { data, error, refetch } = useQuery(Course, { variables: { slug } });
  if (data === undefined) {
    return error === undefined ? <Skeleton rows={6} height={72} /> : <ErrorNotice error={error} onRetry={() => void refetch()} />;
  }
  const { course } = data;
  if (course === null) {
    return (
      <Page title="Course not found">
        <Notice title="There is no course at this address" action="See the courses" onAction={() => navigate("/courses")} />
      </Page>
    );
  }
  return (
    <Page title={course.title}>
      <div className="prose">
        <Paragraphs text={course.description} />
      </div>
      <section className="section" aria-labelledby="chapters">
        <h2 id="chapters">Chapters</h2>
        <Chapters course={course.id} />
      </section>
    </Page>
  );
}
