import { useQuery } from "@apollo/client/react";
import type { ReactNode } from "react";
import type { EditorCoursesQuery } from "../gql/graphql";
import { Link, navigate } from "../router/router";
import { Page } from "../ui/page";
import { Loaded } from "../ui/loaded";
import { Notice, Skeleton } from "../ui/states";
import { ChapterEditor } from "./chapter-editor";
import { EditorChapter, EditorCourses } from "./documents";
import { NewChapter } from "./new-chapter";

type CourseData = EditorCoursesQuery["courses"]["nodes"][number];
type ChapterData = EditorCoursesQuery["chapters"]["nodes"][number];

function CourseSection({ course, chapters }: { readonly course: CourseData; readonly chapters: readonly ChapterData[] }): ReactNode {
  return (
    <section className="section" aria-labelledby={course.id}>
      <h2 id={course.id}>
        {course.title} {course.published ? null : <span className="chip">Draft</span>}
      </h2>
      <ul className="list">
        {chapters.map((chapter) => (
          <li key={chapter.id} className="chapter">
            <div className="chapter-text">
              <Link to={`/editor/${chapter.slug}`} className="chapter-title">
                {chapter.title}
              </Link>
            </div>
            <p className="chapter-state">
              <span className="chip">{chapter.published ? chapter.requiredTier : "Draft"}</span>
            </p>
          </li>
        ))}
        <li className="chapter">
          <NewChapter courseId={course.id} />
        </li>
      </ul>
    </section>
  );
}

function Sections({ courses, chapters }: EditorCoursesQuery): ReactNode {
  if (courses.nodes.length === 0) return <Notice title="There are no courses yet" />;
  const sorted = [...chapters.nodes].sort((one, other) => one.ordinal - other.ordinal);
  return courses.nodes.map((course) => (
    <CourseSection key={course.id} course={course} chapters={sorted.filter((chapter) => chapter.course?.id === course.id)} />
  ));
}

function Overview(): ReactNode {
  const result = useQuery(EditorCourses, { fetchPolicy: "cache-and-network" });
  return (
    <Loaded result={result} skeleton={<Skeleton rows={6} height={60} />}>
      {(data) => <Sections {...data} />}
    </Loaded>
  );
}

function OneChapter({ slug }: { readonly slug: string }): ReactNode {
  const result = useQuery(EditorChapter, { variables: { slug } });
  return (
    <Loaded result={result} skeleton={<Skeleton rows={6} height={72} />}>
      {({ chapter }) =>
        chapter === null ? (
          <Notice title="There is no such chapter" action="All chapters" onAction={() => navigate("/editor")} />
        ) : (
          <ChapterEditor chapter={chapter} />
        )
      }
    </Loaded>
  );
}

export function EditorPage({ slug }: { readonly slug?: string }): ReactNode {
  if (slug === undefined) {
    return (
      <Page title="Editor" lead="Chapters of all courses. Drafts are visible to editors only.">
        <Overview />
      </Page>
    );
  }
  return (
    <>
      <p className="crumbs">
        <Link to="/editor">All chapters</Link>
      </p>
      <Page title="Edit chapter">
        <OneChapter slug={slug} />
      </Page>
    </>
  );
}
