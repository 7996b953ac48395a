//! The caller's permissions on a task, decided by the rules of the mutations.

use async_graphql::{Context, Object};

use hallpass::access::ResourceAttributes;
use hallpass::graphql::{Permission, Result};

/// The field that changes a task.
pub const UPDATE: (&str, &str) = ("Mutation", "updateTask");
/// The field that deletes a task.
pub const DELETE: (&str, &str) = ("Mutation", "deleteTask");
/// The field that publishes a task: an update like any other.
pub const PUBLISH: (&str, &str) = UPDATE;

/// The caller's permissions on a task, decided by the rules of the mutations.
pub struct TaskViewer<'a>(pub(crate) ResourceAttributes<'a>);

/// The caller's permissions on a task.
#[Object]
impl TaskViewer<'_> {
    /// Whether the caller may change the task.
    async fn can_update(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, UPDATE, self.0).await?.allowed)
    }

    /// Whether the caller may delete the task.
    async fn can_delete(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, DELETE, self.0).await?.allowed)
    }

    /// Whether the caller may publish or unpublish the task.
    async fn can_publish(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, PUBLISH, self.0).await?.allowed)
    }
}
