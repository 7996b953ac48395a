import Link from "next/link";
import type { ReactNode } from "react";
import type { Problem } from "@/api/problem";
import type { HomeQuery } from "@/gql/graphql";
import { ProblemNotice } from "@/ui/notice";

type CourseList = NonNullable<HomeQuery["courses"]>["nodes"];
type ChapterList = NonNullable<HomeQuery["chapters"]>["nodes"];

function ChapterItem({ chapter }: { readonly chapter: ChapterList[number] }): ReactNode {
  return (
    <li className="chapter">
      <Link href={`/chapters/${chapter.slug}`}>{chapter.title}</Link>
      {chapter.viewer.canRead ? null : <span className="chip locked">{chapter.requiredTier}</span>}
    </li>
  );
}

function CourseCard({ course, chapters }: { readonly course: CourseList[number]; readonly chapters: ChapterList }): ReactNode {
  return (
    <li className="card">
      <h3>{course.title}</h3>
      <ol>
        {chapters.map((chapter) => (
          <ChapterItem key={chapter.id} chapter={chapter} />
        ))}
      </ol>
    </li>
  );
}

interface CoursesProps {
  readonly courses: CourseList | undefined;
  readonly chapters: ChapterList | undefined;
  readonly problem: Problem;
}

/** The published courses, rendered on the server, with what the caller may read in them. */
export function Courses({ courses, chapters, problem }: CoursesProps): ReactNode {
  return (
    <section className="section" aria-labelledby="courses">
      <h2 id="courses">Courses</h2>
      {courses === undefined || chapters === undefined ? (
        <ProblemNotice problem={problem} href="/" />
      ) : (
        <ul className="cards">
          {courses.map((course) => (
            <CourseCard key={course.id} course={course} chapters={chapters.filter((chapter) => chapter.course?.id === course.id)} />
          ))}
        </ul>
      )}
    </section>
  );
}
