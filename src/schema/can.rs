//! Query `can`: permission checks by action and global ID.

use async_graphql::{Context, Enum, ID, Object};

use crate::access::{Rule::Public, guarded, semantic_non_null};
use crate::domains::{courses, tasks};
use crate::graphql::{Permission, Result};

/// An action to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Action {
    /// Change, complete or reopen a task.
    UpdateTask,
    /// Delete a task.
    DeleteTask,
    /// Publish or unpublish a task.
    PublishTask,
    /// Read a chapter's text.
    ReadChapter,
    /// Change a chapter.
    EditChapter,
}

/// Permission check query.
#[derive(Default)]
pub struct CanQuery;

#[guarded(Query)]
#[Object]
impl CanQuery {
    /// Whether the caller may perform the action on the object with this ID, by the same rules as the action itself.
    /// Nonexistent and invisible objects have the same result. An OAuth client needs the scope of the action.
    #[graphql(guard = "Public", scope = "{action}", directive = semantic_non_null::apply())]
    async fn can(&self, ctx: &Context<'_>, action: Action, id: ID) -> Result<Option<Permission>> {
        let permission = match action {
            Action::UpdateTask => tasks::may(ctx, tasks::UPDATE, &id).await?,
            Action::DeleteTask => tasks::may(ctx, tasks::DELETE, &id).await?,
            Action::PublishTask => tasks::may(ctx, tasks::PUBLISH, &id).await?,
            Action::ReadChapter => courses::may(ctx, courses::READ, &id).await?,
            Action::EditChapter => courses::may(ctx, courses::EDIT, &id).await?,
        };
        Ok(Some(permission))
    }
}
