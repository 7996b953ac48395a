//! What the caller may do with a chapter, asked beforehand.

use async_graphql::{Context, ID, Object};
use hallpass_entity::ChapterId;

use super::loaders::Loaders;
use super::types::{CHAPTER, ChapterFields};
use crate::access::{Facts, Guarded as _};
use crate::graphql::{Decision, Result, decode_id};

/// The field that gives a chapter's text.
pub const READ: (&str, &str) = ("Chapter", "personalized");
/// The field that changes a chapter.
pub const EDIT: (&str, &str) = ("Mutation", "updateChapter");

/// What the caller may do with a chapter.
pub struct ChapterViewer<'a>(pub(super) &'a ChapterFields);

#[Object]
impl ChapterViewer<'_> {
    /// Whether they may read its text.
    async fn can_read(&self, ctx: &Context<'_>) -> bool {
        Decision::of(ctx, READ, self.0.facts()).allowed
    }

    /// Whether they may change it.
    async fn can_edit(&self, ctx: &Context<'_>) -> bool {
        Decision::of(ctx, EDIT, self.0.facts()).allowed
    }

    /// Why they may or may not read its text.
    async fn why(&self, ctx: &Context<'_>) -> String {
        Decision::of(ctx, READ, self.0.facts()).why
    }
}

/// Whether the caller may use `field` on the chapter with this global id.
///
/// # Errors
/// When the database is away.
pub async fn may(ctx: &Context<'_>, field: (&str, &str), id: &ID) -> Result<Decision> {
    let id: Option<ChapterId> =
        decode_id(id).filter(|(kind, _)| kind == CHAPTER).map(|(_, key)| key.into());
    let row = match id {
        Some(id) => ctx.data_unchecked::<Loaders>().chapters.load_one(id).await?,
        None => None,
    };
    Ok(match row {
        Some(row) => Decision::of(ctx, field, ChapterFields(row).facts()),
        None => Decision::of(ctx, field, Facts::default()).about_nothing(),
    })
}
