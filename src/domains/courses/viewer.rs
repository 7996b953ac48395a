//! What the caller may do with a chapter: the rules of the fields that would do it.

use async_graphql::{Context, Object};

use crate::access::ResourceAttributes;
use crate::graphql::{Permission, Result};

/// The field that gives a chapter's text.
pub const READ: (&str, &str) = ("Chapter", "personalized");
/// The field that changes a chapter.
pub const EDIT: (&str, &str) = ("Mutation", "updateChapter");

/// What the caller may do with a chapter.
pub struct ChapterViewer<'a>(pub(crate) ResourceAttributes<'a>);

#[Object]
impl ChapterViewer<'_> {
    /// Whether they may read its text.
    async fn can_read(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, READ, self.0).await?.allowed)
    }

    /// Whether they may change it.
    async fn can_edit(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, EDIT, self.0).await?.allowed)
    }

    /// Why they may or may not read its text.
    async fn why(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(Permission::of(ctx, READ, self.0).await?.why)
    }
}
