import { useMutation } from "@apollo/client/react";
import { useEffect, useRef, type ReactNode } from "react";
import { describe } from "../api/errors";
import type { ChapterRowFragment, RecordProgressMutationVariables } from "../gql/graphql";
import { useToast } from "../ui/toast";
import { BookmarkChapter, RecordProgress } from "./documents";
import { ProgressBar } from "./progress";

/** The last part is left to the reader, who says that the chapter is read. */
const MOST_BY_SCROLLING = 90;
const STEP = 10;

/** How much of the page is above the lower edge of the window, in steps. */
function scrolled(): number {
  const hidden = document.documentElement.scrollHeight - innerHeight;
  if (hidden < innerHeight / 2) return 0;
  return Math.min(MOST_BY_SCROLLING, Math.floor((scrollY / hidden) * (100 / STEP)) * STEP);
}

/** Records how far the reader scrolled, a moment after the scrolling ended. */
function useScrollProgress(percent: number, record: (percent: number) => void): void {
  const latest = useRef({ percent, record });
  useEffect(() => {
    latest.current = { percent, record };
  });
  useEffect(() => {
    const onScrollEnd = (): void => {
      const reached = scrolled();
      if (reached > latest.current.percent) latest.current.record(reached);
    };
    addEventListener("scrollend", onScrollEnd);
    return () => removeEventListener("scrollend", onScrollEnd);
  }, []);
}

/** Progress and bookmark of a chapter, for a reader who is signed in. */
export function Reading({ chapter }: { readonly chapter: ChapterRowFragment }): ReactNode {
  const toast = useToast();
  const onError = (error: unknown): void => toast(describe(error));
  const [record] = useMutation(RecordProgress, { onError });
  const [bookmark] = useMutation(BookmarkChapter, { onError });
  const percent = chapter.progress?.percent ?? 0;
  const isRead = chapter.progress?.completed === true;
  const variables = (value: number, reset: boolean): RecordProgressMutationVariables => ({ chapterId: chapter.id, percent: value, reset });
  const store = (value: number, reset: boolean): void => void record({ variables: variables(value, reset) });
  // A failure is not shown: the next scrolling sends it again.
  useScrollProgress(percent, (value) => void record({ variables: variables(value, false), onError: () => undefined }));
  const bookmarked = !chapter.bookmarked;
  const toggleBookmark = (): void =>
    void bookmark({
      variables: { chapterId: chapter.id, bookmarked },
      optimisticResponse: { bookmarkChapter: { chapter: { __typename: "Chapter", id: chapter.id, bookmarked } } },
    });
  return (
    <div className="reading">
      <ProgressBar percent={percent} label="Your progress in this chapter" />
      <div className="row wrap">
        <button type="button" className="button" aria-pressed={chapter.bookmarked} onClick={toggleBookmark}>
          {chapter.bookmarked ? "Bookmarked" : "Bookmark"}
        </button>
        <button type="button" className={isRead ? "button" : "button primary"} onClick={() => store(isRead ? 0 : 100, isRead)}>
          {isRead ? "Start again" : "Mark as read"}
        </button>
      </div>
    </div>
  );
}
