//! Reading mutations: progress and bookmarks. Each is one upsert, so concurrent requests do not conflict.

use async_graphql::{Context, ID, Object};
use hallpass::data::{Comparison as _, Set, now};
use hallpass_entity::{ChapterId, progress};

use super::kinds::{CHAPTER, PROGRESS_EVENTS};
use super::query::chapter_of;
use super::rules::CHAPTER_READER;
use super::types::{Chapter, ChapterProgress, ProgressFields};
use hallpass::access::Rule::SignedIn;
use hallpass::access::{guarded, semantic_non_null};
use hallpass::events::Change;
use hallpass::graphql::{
    ApiError, Begun, ContextExt as _, Execution, Result, Validator, decode_id,
};

/// Reading mutations.
#[derive(Default)]
pub struct ReadingMutation;

#[guarded(Mutation, domain = "progress")]
#[Object]
impl ReadingMutation {
    /// Records the progress in a chapter, in percent from 0 to 100, and returns the stored progress. Progress does
    /// not decrease unless `reset` is true. Requires access to the chapter: denied by the rule of
    /// `Chapter.personalized` otherwise.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn record_progress(
        &self,
        ctx: &Context<'_>,
        chapter_id: ID,
        percent: i32,
        #[graphql(default)] reset: bool,
    ) -> Result<Option<ChapterProgress>> {
        use progress::Column::{Percent, UpdatedAt};
        let mut validator = Validator::default();
        validator.number("percent", percent, &(0..=100), "give a number from 0 to 100");
        validator.finish()?;
        let (key, chapter) = published_chapter(ctx, &chapter_id).await?;
        CHAPTER_READER.check(ctx, &*chapter).await?;
        let Begun::First(writes) = Execution::statement().begin(ctx).await? else {
            let own_rows = ctx.scope().owned::<progress::Entity>()?;
            let row = own_rows.filter(progress::Column::ChapterId.is(key)).one().await?;
            return Ok(Some(ProgressFields::new(key, row)));
        };
        let row = progress::ActiveModel { percent: Set(percent), ..initial_progress(key) };
        let row = match reset {
            true => writes.upsert::<progress::Entity>(row, [Percent, UpdatedAt]).await?,
            false => writes.upsert_higher::<progress::Entity>(row, Percent, [UpdatedAt]).await?,
        };
        writes.commit().await?;
        ctx.publish(PROGRESS_EVENTS.event(Change::Updated, key));
        Ok(Some(ProgressFields::new(key, Some(row))))
    }

    /// Sets or removes the bookmark of a chapter.
    #[graphql(
        guard = "SignedIn",
        scope = "courses:read progress:write",
        directive = semantic_non_null::apply()
    )]
    async fn bookmark_chapter(
        &self,
        ctx: &Context<'_>,
        chapter_id: ID,
        bookmarked: bool,
    ) -> Result<Option<Chapter>> {
        let (key, chapter) = published_chapter(ctx, &chapter_id).await?;
        if let Begun::First(writes) = Execution::statement().begin(ctx).await? {
            let row =
                progress::ActiveModel { bookmarked: Set(bookmarked), ..initial_progress(key) };
            writes.upsert::<progress::Entity>(row, [progress::Column::Bookmarked]).await?;
            writes.commit().await?;
        }
        Ok(Some(chapter))
    }
}

/// The published chapter with this global ID, and its key. The ID of another type fails with `NOT_FOUND`.
async fn published_chapter(ctx: &Context<'_>, id: &ID) -> Result<(ChapterId, Chapter)> {
    let missing = || ApiError::NotFound("chapter");
    let (kind, key) = decode_id(id).ok_or_else(missing)?;
    if kind != CHAPTER {
        return Err(missing());
    }
    let chapter = chapter_of(ctx, key.into()).await?.ok_or_else(missing)?;
    Ok((key.into(), chapter))
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
