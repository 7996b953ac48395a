//! What readers note about chapters. A note is one statement: whatever happens at once, none fails.

use async_graphql::{Context, ID, Object};
use hallpass_entity::{ChapterId, Set, now, progress};

use super::query::chapter_of;
use super::types::{CHAPTER, Chapter, ChapterProgress, ProgressFields};
use crate::access::Rule::SignedIn;
use crate::access::{READER, guarded, semantic_non_null};
use crate::events::{Change, Event, Row};
use crate::graphql::{ApiError, ContextExt as _, Result, Validator, decode_id};

/// The mutations of readers.
#[derive(Default)]
pub struct ReadingMutation;

#[guarded(Mutation, domain = "progress")]
#[Object]
impl ReadingMutation {
    /// Notes how much of a chapter is read, from 0 to 100, and returns what is stored then. Progress never
    /// falls: less than is stored changes nothing, unless `reset` is true. For callers who may read it; else it is
    /// refused by the rule of `Chapter.personalized`.
    #[graphql(guard = "SignedIn", directive = semantic_non_null::apply())]
    async fn record_progress(
        &self,
        ctx: &Context<'_>,
        chapter_id: ID,
        percent: i32,
        #[graphql(default)] reset: bool,
    ) -> Result<Option<ChapterProgress>> {
        use progress::Column::{Percent, UpdatedAt};
        let mut checks = Validator::default();
        checks.number("percent", percent, &(0..=100), "give a number from 0 to 100");
        checks.finish()?;
        let (key, chapter) = published(ctx, &chapter_id).await?;
        READER.check(ctx, &*chapter).await?;
        let row = progress::ActiveModel { percent: Set(percent), ..unread(key) };
        let row = match reset {
            true => ctx.scope().upsert::<progress::Entity>(row, [Percent, UpdatedAt]).await?,
            false => {
                ctx.scope().upsert_higher::<progress::Entity>(row, Percent, [UpdatedAt]).await?
            }
        };
        ctx.publish(Event { change: Change::Updated, row: Row::Progress(key) });
        Ok(Some(ProgressFields::new(key, Some(row))))
    }

    /// Marks a chapter to come back to, or takes the mark away.
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
        let (key, chapter) = published(ctx, &chapter_id).await?;
        let row = progress::ActiveModel { bookmarked: Set(bookmarked), ..unread(key) };
        ctx.scope().upsert::<progress::Entity>(row, [progress::Column::Bookmarked]).await?;
        Ok(Some(chapter))
    }
}

/// The published chapter with this global id, and its key. What is no id of a chapter is the id of no
/// chapter.
async fn published(ctx: &Context<'_>, id: &ID) -> Result<(ChapterId, Chapter)> {
    let missing = || ApiError::NotFound("chapter");
    let (kind, key) = decode_id(id).ok_or_else(missing)?;
    if kind != CHAPTER {
        return Err(missing());
    }
    let chapter = chapter_of(ctx, key.into()).await?.ok_or_else(missing)?;
    Ok((key.into(), chapter))
}

/// What is noted of a chapter when nothing is.
fn unread(chapter_id: ChapterId) -> progress::ActiveModel {
    progress::ActiveModel {
        chapter_id: Set(chapter_id),
        percent: Set(0),
        bookmarked: Set(false),
        updated_at: Set(now()),
        ..Default::default()
    }
}
