//! The caller's permissions on a chapter, decided by the rules of the fields.

use async_graphql::{Context, Object};

use hallpass::access::ResourceAttributes;
use hallpass::graphql::{ContextExt as _, Permission, Result};
use hallpass::identity::Caller;

/// The field that returns a chapter's text.
pub const READ: (&str, &str) = ("Chapter", "personalized");
/// The field that changes a chapter.
pub const EDIT: (&str, &str) = ("Mutation", "updateChapter");

/// The caller's permissions on a chapter, decided by the rules of the fields.
pub struct ChapterViewer<'a>(pub(crate) ResourceAttributes<'a>);

/// The caller's permissions on a chapter.
#[Object]
impl ChapterViewer<'_> {
    /// Whether the caller may read the text.
    async fn can_read(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, READ, self.0).await?.allowed)
    }

    /// Whether the caller may change the chapter.
    async fn can_edit(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, EDIT, self.0).await?.allowed)
    }

    /// Lowest tier that may read the text, if the caller's is lower. Null if the caller's tier is sufficient.
    async fn missing_tier(&self, ctx: &Context<'_>) -> Option<&str> {
        let tiers = &ctx.request_auth().policy.tiers;
        let held = ctx.caller().map_or(tiers.lowest(), Caller::tier);
        self.0.required_tier.filter(|required| !tiers.reach(held, required))
    }

    /// Why the caller may or may not read the text, as a sentence to show to the user.
    async fn why(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(Permission::of(ctx, READ, self.0).await?.why)
    }
}
