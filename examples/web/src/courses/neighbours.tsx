import { useQuery } from "@apollo/client/react";
import type { ReactNode } from "react";
import { useFragment as unmask } from "../gql";
import { Link } from "../router/router";
import { ChapterRow, CourseChapters } from "./documents";

interface NeighboursProps {
  readonly course: { readonly id: string; readonly slug: string };
  readonly chapter: string;
}

/** Links to the previous and the next chapter. */
export function Neighbours({ course, chapter }: NeighboursProps): ReactNode {
  const { data } = useQuery(CourseChapters, { variables: { course: course.id } });
  const chapters = unmask(ChapterRow, data?.chapters.nodes) ?? [];
  const index = chapters.findIndex(({ id }) => id === chapter);
  const [previous, next] = index < 0 ? [] : [chapters[index - 1], chapters[index + 1]];
  return (
    <nav className="neighbours" aria-label="Chapters">
      {previous === undefined ? <span /> : (
        <Link to={`/courses/${course.slug}/${previous.slug}`} rel="prev">
          <span className="muted">Previous</span>
          {previous.title}
        </Link>
      )}
      {next === undefined ? <span /> : (
        <Link to={`/courses/${course.slug}/${next.slug}`} rel="next" className="next">
          <span className="muted">Next</span>
          {next.title}
        </Link>
      )}
    </nav>
  );
}
