import { useQuery } from "@apollo/client/react";
import { useState, type ReactNode } from "react";
import { useViewer } from "../api/viewer";
import { useFragment as unmask } from "../gql";
import type { ChapterRowFragment, CoursesQuery, FoundChaptersQuery, RecommendationsQuery } from "../gql/graphql";
import { Link } from "../router/router";
import { useDebounced } from "../ui/debounced";
import { Field } from "../ui/field";
import { Page } from "../ui/page";
import { Loaded, shownData, type Result } from "../ui/loaded";
import { Notice, Skeleton } from "../ui/states";
import { ChapterItem } from "./chapter-item";
import { ChapterRow, Courses, FoundChapters, Recommendations } from "./documents";
import { LiveProgress } from "./live";
import { ProgressBar } from "./progress";
import { chapterCount, excerpt, folded } from "./text";

type CourseData = CoursesQuery["courses"]["nodes"][number];

function CourseCard({ course }: { readonly course: CourseData }): ReactNode {
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
        <span className="chip plain">{chapterCount(course.chapterCount)}</span>
        {course.published ? null : <span className="chip">Draft</span>}
      </p>
      {course.progress === null ? null : <ProgressBar percent={course.progress.percent} label={`Progress in ${course.title}`} />}
    </li>
  );
}

function Recommended({ result }: { readonly result: Result<RecommendationsQuery> }): ReactNode {
  const data = shownData(result);
  if (data?.recommendations.length === 0 || (data === undefined && result.error !== undefined)) return null;
  return (
    <section aria-labelledby="recommended" className="section">
      <h2 id="recommended">Next for you</h2>
      {data === undefined ? <Skeleton rows={3} height={88} /> : (
        <ul className="list">
          {data.recommendations.map(({ chapter, because }) => (
            <ChapterItem key={chapter.id} chapter={unmask(ChapterRow, chapter)} note={because.join(" ")} isOfAnyCourse />
          ))}
        </ul>
      )}
    </section>
  );
}

function CourseGrid({ courses }: { readonly courses: readonly CourseData[] }): ReactNode {
  if (courses.length === 0) return null;
  return (
    <ul className="course-grid" aria-label="Courses">
      {courses.map((course) => (
        <CourseCard key={course.id} course={course} />
      ))}
    </ul>
  );
}

function FoundList({ chapters }: { readonly chapters: readonly ChapterRowFragment[] }): ReactNode {
  if (chapters.length === 0) return null;
  return (
    <section aria-labelledby="found" className="section">
      <h2 id="found">Chapters</h2>
      <ul className="list">
        {chapters.map((chapter) => (
          <ChapterItem key={chapter.id} chapter={chapter} isOfAnyCourse />
        ))}
      </ul>
    </section>
  );
}

interface FoundProps {
  readonly courses: readonly CourseData[];
  readonly result: Result<FoundChaptersQuery>;
  readonly text: string;
}

/** The courses among the loaded ones, and the chapters of the server, that contain a text. */
function Found({ courses, result, text }: FoundProps): ReactNode {
  const found = courses.filter(({ title, description, interestAreas }) =>
    folded([title, description, ...interestAreas].join("\n")).includes(folded(text)),
  );
  if (found.length === 0 && result.data?.chapters.nodes.length === 0) return <Notice title={`Nothing contains “${text}”`} />;
  return (
    <>
      <CourseGrid courses={found} />
      <FoundList chapters={unmask(ChapterRow, shownData(result)?.chapters.nodes) ?? []} />
    </>
  );
}

function Results(props: FoundProps): ReactNode {
  if (props.text !== "") return <Found {...props} />;
  return props.courses.length === 0 ? <Notice title="There are no courses yet" /> : <CourseGrid courses={props.courses} />;
}

export function CoursesPage(): ReactNode {
  const [text, setText] = useState("");
  const wanted = useDebounced(text).trim();
  const isQuiet = useViewer() === null || text.trim() !== "";
  const result = useQuery(Courses, { fetchPolicy: "cache-and-network" });
  const found = useQuery(FoundChapters, { variables: { text: wanted }, skip: wanted === "" });
  const next = useQuery(Recommendations, { fetchPolicy: "cache-and-network", skip: isQuiet });
  return (
    <Page title="Courses" lead="Every chapter comes in several versions: you read the one for your experience.">
      <LiveProgress />
      <div role="search" aria-label="Courses" className="filters">
        <Field label="Search courses and chapters" isLabelHidden className="grow">
          {(control) => <input {...control} type="search" placeholder="Search courses and chapters" maxLength={200} value={text} onChange={(event) => setText(event.target.value)} />}
        </Field>
      </div>
      <Loaded result={result} others={[found, next]} skeleton={<Skeleton rows={2} height={220} />}>
        {({ courses }) => <Results courses={courses.nodes} result={found} text={wanted} />}
      </Loaded>
      {isQuiet ? null : <Recommended result={next} />}
    </Page>
  );
}
