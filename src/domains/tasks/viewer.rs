//! What the caller may do with a task: the rules of the fields that would do it.

use async_graphql::{Context, Object};

use crate::access::ResourceAttributes;
use crate::graphql::{Permission, Result};

/// The field that changes a task.
pub const UPDATE: (&str, &str) = ("Mutation", "updateTask");
/// The field that deletes a task.
pub const DELETE: (&str, &str) = ("Mutation", "deleteTask");
/// The field that shows a task to everyone, which is a change like others.
pub const PUBLISH: (&str, &str) = UPDATE;

/// What the caller may do with a task: the rules of the mutations, asked beforehand.
pub struct TaskViewer<'a>(pub(crate) ResourceAttributes<'a>);

#[Object]
impl TaskViewer<'_> {
    /// Whether they may change it.
    async fn can_update(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, UPDATE, self.0).await?.allowed)
    }

    /// Whether they may delete it.
    async fn can_delete(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, DELETE, self.0).await?.allowed)
    }

    /// Whether they may show it to everyone, or stop to.
    async fn can_publish(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(Permission::of(ctx, PUBLISH, self.0).await?.allowed)
    }
}
