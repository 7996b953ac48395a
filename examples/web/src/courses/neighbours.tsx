import type { ReactNode } from "react";
import type { ChapterQuery } from "../gql/graphql";
import { Link } from "../router/router";

type Neighbour = NonNullable<ChapterQuery["chapter"]>["next"];

interface NeighboursProps {
  readonly course: string;
  readonly previous: Neighbour;
  readonly next: Neighbour;
}

/** Links to the previous and the next chapter. */
export function Neighbours({ course, previous, next }: NeighboursProps): ReactNode {
  return (
    <nav className="neighbours" aria-label="Chapters">
      {previous === null ? <span /> : (
        <Link to={`/courses/${course}/${previous.slug}`} rel="prev">
          <span className="muted">Previous</span>
          {previous.title}
        </Link>
      )}
      {next === null ? <span /> : (
        <Link to={`/courses/${course}/${next.slug}`} rel="next" className="next">
          <span className="muted">Next</span>
          {next.title}
        </Link>
      )}
    </nav>
  );
}
