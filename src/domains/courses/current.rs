//! The chapter that the caller reads, of one course and of all.

use async_graphql::Context;
use futures_util::future::try_join_all;
use hallpass_entity::{ChapterId, CourseId};

use super::loaders::{Loaders, record_chapter};
use super::outline::{CourseProgress, visible_chapter};
use super::types::Chapter;
use hallpass::graphql::{ContextExt as _, Result};

/// How many begun chapters are considered, if the one read last is completed.
const MAX_BEGUN: usize = 10;

/// The chapter of a course that the caller reads. None if no user is signed in, or if all chapters are completed.
pub(super) async fn current_of_course(
    ctx: &Context<'_>,
    course: CourseId,
) -> Result<Option<Chapter>> {
    let progress = CourseProgress::of(ctx, course).await?;
    match progress.and_then(|progress| progress.current()) {
        Some(id) => visible_chapter(ctx, id, "Course.currentChapter").await,
        None => Ok(None),
    }
}

/// The chapter that the caller reads: the one read last. If it is completed, the next one of its course; if its course is
/// completed too, or the caller does not see it, the last one that is begun and not completed.
pub(super) async fn current(ctx: &Context<'_>) -> Result<Option<Chapter>> {
    let read = read_last(ctx).await?;
    let Some((last, percent)) = read.first().copied() else { return Ok(None) };
    let loaders = ctx.request_data::<Loaders>();
    // One statement for all.
    let rows = try_join_all(read.iter().map(|(id, _)| loaders.chapters.load_one(*id))).await?;
    let seen = rows.first().and_then(Option::as_ref);
    let next = match seen.filter(|_| percent == 100) {
        Some(completed) => CourseProgress::of(ctx, completed.course_id)
            .await?
            .and_then(|progress| progress.open_after(last)),
        None => None,
    };
    let chapter = match next {
        Some(next) => loaders.chapters.load_one(next).await?,
        None => {
            let open = rows.into_iter().zip(&read).filter(|(_, (_, percent))| *percent < 100);
            open.filter_map(|(row, _)| row).next()
        }
    };
    if let Some(chapter) = &chapter {
        record_chapter(ctx, "Query.currentChapter", chapter).await?;
    }
    Ok(chapter.map(Chapter))
}

/// The chapter that the caller read last, and those read before that are not completed, the last first; each with how far
/// it is read, in percent.
async fn read_last(ctx: &Context<'_>) -> Result<Vec<(ChapterId, i32)>> {
    let begun = ctx.request_data::<Loaders>().begun.load_one(()).await?.unwrap_or_default();
    let mut begun: Vec<_> = begun.iter().map(|(id, (percent, at))| (*at, *id, *percent)).collect();
    begun.sort_unstable_by(|one, other| other.cmp(one));
    let read = begun.into_iter().map(|(_, id, percent)| (id, percent)).enumerate();
    let considered = read.filter(|(place, (_, percent))| *place == 0 || *percent < 100);
    Ok(considered.map(|(_, chapter)| chapter).take(1 + MAX_BEGUN).collect())
}
