import Link from "next/link";
import type { ReactNode } from "react";
import { Courses } from "@/api/queries";
import { queryPublic } from "@/api/server";
import type { CoursesQuery } from "@/gql/graphql";
import { ProblemNotice } from "@/ui/notice";

type Course = NonNullable<CoursesQuery["courses"]>["nodes"][number];
type Chapter = NonNullable<CoursesQuery["chapters"]>["nodes"][number];

function ChapterItem({ chapter }: { readonly chapter: Chapter }): ReactNode {
  return (
    <li className="chapter">
      {/* A page that may not be opened is not requested from the API. */}
      <Link href={`/chapters/${chapter.slug}`} prefetch={false}>
        {chapter.title}
      </Link>
      <span className="chip">{chapter.requiredTier}</span>
    </li>
  );
}

function CourseCard({ course, chapters }: { readonly course: Course; readonly chapters: readonly Chapter[] }): ReactNode {
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

/** The published courses, the same for every visitor. */
export async function CourseList(): Promise<ReactNode> {
  const { data, errors } = await queryPublic(Courses, {});
  const [courses, chapters] = [data?.courses?.nodes, data?.chapters?.nodes];
  if (courses === undefined || chapters === undefined) return <ProblemNotice error={errors[0]} href="/" />;
  return (
    <ul className="cards">
      {courses.map((course) => (
        <CourseCard key={course.id} course={course} chapters={chapters.filter((chapter) => chapter.course?.id === course.id)} />
      ))}
    </ul>
  );
}
