//! "May I?" of anything, by its global id.

use async_graphql::{Context, Enum, ID, Object};

use crate::access::{Rule::Public, guarded, semantic_non_null};
use crate::domains::{courses, tasks};
use crate::graphql::{Permission, Result};

/// What one may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Action {
    /// Change a task, or mark it as done or not.
    UpdateTask,
    /// Delete a task.
    DeleteTask,
    /// Show a task to everyone, or stop to.
    PublishTask,
    /// Read a chapter's text.
    ReadChapter,
    /// Change a chapter.
    EditChapter,
}

/// The query that asks beforehand.
#[derive(Default)]
pub struct CanQuery;

#[guarded(Query)]
#[Object]
impl CanQuery {
    /// Whether the caller may do this to what has this id: the same rules as where it is done. What is not
    /// there, and what the caller does not get to see, answer alike. An OAuth client that lacks the scope of
    /// the action may not do it.
    #[graphql(guard = "Public", scope = "{action}", directive = semantic_non_null::apply())]
    async fn can(&self, ctx: &Context<'_>, action: Action, id: ID) -> Result<Option<Permission>> {
        let decision = match action {
            Action::UpdateTask => tasks::may(ctx, tasks::UPDATE, &id).await?,
            Action::DeleteTask => tasks::may(ctx, tasks::DELETE, &id).await?,
            Action::PublishTask => tasks::may(ctx, tasks::PUBLISH, &id).await?,
            Action::ReadChapter => courses::may(ctx, courses::READ, &id).await?,
            Action::EditChapter => courses::may(ctx, courses::EDIT, &id).await?,
        };
        Ok(Some(decision))
    }
}
