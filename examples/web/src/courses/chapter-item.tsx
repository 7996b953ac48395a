import type { ReactNode } from "react";
import { useViewer } from "../api/viewer";
import type { ChapterRowFragment } from "../gql/graphql";
import { Link } from "../router/router";

/** The state of a chapter, as one word. */
function stateOf({ published, viewer, requiredTier, progress }: ChapterRowFragment): string | null {
  if (!published) return "Draft";
  if (!viewer.canRead) return requiredTier;
  if (progress?.completed === true) return "Read";
  return progress !== null && progress.percent > 0 ? `${progress.percent} %` : null;
}

interface ChapterItemProps {
  readonly chapter: ChapterRowFragment;
  readonly note?: string;
  /** In a list of chapters of several courses: the name of the course is shown in place of the place in it. */
  readonly isOfAnyCourse?: boolean;
}

export function ChapterItem({ chapter, note, isOfAnyCourse = false }: ChapterItemProps): ReactNode {
  const isGuest = useViewer() === null;
  const state = stateOf(chapter);
  const isLocked = !chapter.viewer.canRead;
  return (
    <li className="chapter" data-locked={isLocked}>
      {isOfAnyCourse ? null : (
        <span className="chapter-number" aria-hidden="true">
          {chapter.progress?.completed === true ? "✓" : chapter.ordinal}
        </span>
      )}
      <div className="chapter-text">
        {isOfAnyCourse ? <p className="chapter-course">{chapter.course?.title}</p> : null}
        <Link to={`/courses/${chapter.course?.slug}/${chapter.slug}`} className="chapter-title">
          {chapter.title}
        </Link>
        <p className="muted">{note ?? chapter.summary}</p>
      </div>
      <p className="chapter-state">
        {chapter.bookmarked && !isGuest ? <span className="chip">Bookmark</span> : null}
        {state === null ? null : <span className={isLocked ? "chip locked" : "chip"}>{isLocked ? `${state} only` : state}</span>}
      </p>
    </li>
  );
}
