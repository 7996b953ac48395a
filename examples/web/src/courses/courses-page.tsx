import { useQuery } from "@apollo/client/react";
import { useState, type ReactNode } from "react";
import { useViewer } from "../api/viewer";
import { useFragment as unmask } from "../gql";
import type { ChapterRowFragment, CoursesQuery } from "../gql/graphql";
import { Link } from "../router/router";
import { Field } from "../ui/field";
import { Page } from "../ui/page";
import { ErrorNotice, Notice, Skeleton } from "../ui/states";
import { ChapterItem } from "./chapter-item";
import { ChapterRow, Courses, Recommendations } from "./documents";
import { ProgressBar } from "./progress";
import { excerpt, folded } from "./text";

type CourseData = CoursesQuery["courses"]["nodes"][number];

function CourseCard({ course, chapters }: { readonly course: CourseData; readonly chapters: readonly ChapterRowFragment[] }): ReactNode {
  const isGuest = useViewer() === null;
  const percents = chapters.map(({ progress }) => progress?.percent ?? 0);
  const percent = Math.round(percents.reduce((sum, one) => sum + one, 0) / Math.max(1, percents.length));
  return (
    <li className="card course-card">
      <h2>
        <Link to={`/courses/${course.slug}`}>{course.title}</Link>
      </h2>
      <p className="muted">{excerpt(course.description)}</p>
      <p className="chips">
        {course.interestAreas.map((area) => (
          <span key={area} className="chip">
            {area}
          </span>
        ))}
        <span className="chip plain">{chapters.length === 1 ? "1 chapter" : `${chapters.length} chapters`}</span>
        {course.published ? null : <span className="chip">Draft</span>}
      </p>
      {isGuest ? null : <ProgressBar percent={percent} label={`Progress in ${course.title}`} />}
    </li>
  );
}

function Recommended(): ReactNode {
  const { data } = useQuery(Recommendations, { fetchPolicy: "cache-and-network" });
  const recommendations = data?.recommendations ?? [];
  if (recommendations.length === 0) return null;
  return (
    <section aria-labelledby="recommended" className="section">
      <h2 id="recommended">Next for you</h2>
      <ul className="list">
        {recommendations.map(({ chapter, because }) => (
          <ChapterItem key={chapter.id} chapter={unmask(ChapterRow, chapter)} note={because.join(" ")} />
        ))}
      </ul>
    </section>
  );
}

function Results({ data, text }: { readonly data: CoursesQuery; readonly text: string }): ReactNode {
  const chapters = unmask(ChapterRow, data.chapters.nodes);
  const wanted = folded(text.trim());
  const contains = (...texts: readonly string[]): boolean => folded(texts.join("\n")).includes(wanted);
  const courses = data.courses.nodes.filter(({ title, description, interestAreas }) => contains(title, description, ...interestAreas));
  const found = wanted === "" ? [] : chapters.filter(({ title, summary }) => contains(title, summary));
  if (courses.length === 0 && found.length === 0) {
    return wanted === "" ? <Notice title="There are no courses yet" /> : <Notice title={`Nothing contains “${text.trim()}”`} />;
  }
  return (
    <>
      <ul className="course-grid" aria-label="Courses">
        {courses.map((course) => (
          <CourseCard key={course.id} course={course} chapters={chapters.filter((chapter) => chapter.course?.id === course.id)} />
        ))}
      </ul>
      {found.length === 0 ? null : (
        <section aria-labelledby="found" className="section">
          <h2 id="found">Chapters</h2>
          <ul className="list">
            {found.map((chapter) => (
              <ChapterItem key={chapter.id} chapter={chapter} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

export function CoursesPage(): ReactNode {
  const viewer = useViewer();
  const [text, setText] = useState("");
  const { data, error, refetch } = useQuery(Courses, { fetchPolicy: "cache-and-network" });
  return (
    <Page title="Courses" lead="Every chapter comes in several versions: you read the one for your experience.">
      <div role="search" aria-label="Courses" className="filters">
        <Field label="Search courses and chapters" isLabelHidden className="grow">
          {(control) => <input {...control} type="search" placeholder="Search courses and chapters" value={text} onChange={(event) => setText(event.target.value)} />}
        </Field>
      </div>
      {data !== undefined ? (
        <Results data={data} text={text} />
      ) : error === undefined ? (
        <Skeleton rows={2} height={220} />
      ) : (
        <ErrorNotice error={error} onRetry={() => void refetch()} />
      )}
      {viewer === null || text.trim() !== "" ? null : <Recommended />}
    </Page>
  );
}
