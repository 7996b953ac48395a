//! Reading mutations: progress and bookmarks. Each is one upsert, so concurrent requests do not conflict.

use async_graphql::Context;
use hallpass::data::{Comparison as _, Set, now};
use hallpass_entity::{ChapterId, progress};

use super::kinds::PROGRESS_EVENTS;
use super::payloads::{BookmarkChapterPayload, RecordProgressPayload, Recorded};
use super::query::chapter_of;
use super::rules::CHAPTER_READER;
use super::types::{Chapter, ChapterProgress};
use hallpass::access::Rule::SignedIn;
use hallpass::access::guarded;
use hallpass::events::Change;
use hallpass::graphql::{
    ApiError, Begun, Constrained, Constraint, ContextExt as _, Execution, Id, Result, Validator,
};

const PERCENT: Constraint<'_> = Constraint::number(0, 100);

/// Reading mutations.
#[derive(Default)]
pub struct ReadingMutation;

#[guarded(Mutation, domain = "progress")]
impl ReadingMutation {
    /// Records the progress in a chapter, in percent from 0 to 100. It does not decrease unless `reset` is
    /// true. Requires access to the chapter: denied by the rule of
    /// `Chapter.personalized` otherwise.
    #[graphql(guard = "SignedIn")]
    async fn record_progress(
        &self,
        ctx: &Context<'_>,
        chapter_id: Id<Chapter>,
        #[graphql(directive = Constrained::apply(PERCENT))] percent: i32,
        #[graphql(default)] reset: bool,
    ) -> Result<RecordProgressPayload> {
        use progress::Column::{Percent, UpdatedAt};
        let mut validator = Validator::default();
        validator.number("percent", percent, &PERCENT);
        validator.finish()?;
        let (key, chapter) = published_chapter(ctx, &chapter_id).await?;
        CHAPTER_READER.check(ctx, &chapter).await?;
        let Begun::First(writes) = Execution::statement().begin(ctx).await? else {
            let own_rows = ctx.scope().owned::<progress::Entity>()?;
            let row = own_rows.filter(progress::Column::ChapterId.is(key)).one().await?;
            let progress = ChapterProgress { chapter: key, row };
            return Ok(RecordProgressPayload(Recorded { progress, chapter }));
        };
        let row = progress::ActiveModel { percent: Set(percent), ..initial_progress(key) };
        let row = match reset {
            true => writes.upsert::<progress::Entity>(row, [Percent, UpdatedAt]).await?,
            false => writes.upsert_higher::<progress::Entity>(row, Percent, [UpdatedAt]).await?,
        };
        writes.commit().await?;
        ctx.publish(PROGRESS_EVENTS.event(Change::Updated, key));
        let progress = ChapterProgress { chapter: key, row: Some(row) };
        Ok(RecordProgressPayload(Recorded { progress, chapter }))
    }

    /// Sets or removes the bookmark of a chapter.
    #[graphql(guard = "SignedIn", scope = "courses:read progress:write")]
    async fn bookmark_chapter(
        &self,
        ctx: &Context<'_>,
        chapter_id: Id<Chapter>,
        bookmarked: bool,
    ) -> Result<BookmarkChapterPayload> {
        let (key, chapter) = published_chapter(ctx, &chapter_id).await?;
        if let Begun::First(writes) = Execution::statement().begin(ctx).await? {
            let row =
                progress::ActiveModel { bookmarked: Set(bookmarked), ..initial_progress(key) };
            writes.upsert::<progress::Entity>(row, [progress::Column::Bookmarked]).await?;
            writes.commit().await?;
        }
        Ok(BookmarkChapterPayload(chapter))
    }
}

/// The published chapter with this global ID, and its key.
async fn published_chapter(ctx: &Context<'_>, id: &Id<Chapter>) -> Result<(ChapterId, Chapter)> {
    let key = id.key()?;
    let chapter = chapter_of(ctx, key).await?.ok_or(ApiError::NotFound("chapter"))?;
    Ok((key, chapter))
}

/// Initial progress in a chapter.
fn initial_progress(chapter_id: ChapterId) -> progress::ActiveModel {
    progress::ActiveModel {
        chapter_id: Set(chapter_id),
        percent: Set(0),
        bookmarked: Set(false),
        updated_at: Set(now()),
        ..Default::default()
    }
}
