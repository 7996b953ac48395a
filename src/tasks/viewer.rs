//! What the caller may do with a task, asked beforehand.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{Context, ID, Object};
use hallpass_entity::{Comparison as _, Error, Scope, TaskId, task};

use super::types::{TYPE, TaskFields};
use crate::access::{Facts, Guarded as _};
use crate::graphql::{Decision, Result, decode_id, is_told_of};

/// The field that changes a task.
pub const UPDATE: (&str, &str) = ("Mutation", "updateTask");
/// The field that deletes a task.
pub const DELETE: (&str, &str) = ("Mutation", "deleteTask");
/// The field that shows a task to everyone, which is a change like others.
pub const PUBLISH: (&str, &str) = UPDATE;

/// What the caller may do with a task: the rules of the mutations, asked beforehand.
pub struct TaskViewer<'a>(pub(super) &'a TaskFields);

#[Object]
impl TaskViewer<'_> {
    /// Whether they may change it.
    async fn can_update(&self, ctx: &Context<'_>) -> bool {
        Decision::of(ctx, UPDATE, self.0.facts()).allowed
    }

    /// Whether they may delete it.
    async fn can_delete(&self, ctx: &Context<'_>) -> bool {
        Decision::of(ctx, DELETE, self.0.facts()).allowed
    }

    /// Whether they may show it to everyone, or stop to.
    async fn can_publish(&self, ctx: &Context<'_>) -> bool {
        Decision::of(ctx, PUBLISH, self.0.facts()).allowed
    }
}

/// Finds out which tasks are the caller's, of all that one request asks about.
pub struct OwnTasks(Scope);

/// The loader of one request.
pub fn own_tasks(scope: &Scope) -> DataLoader<OwnTasks> {
    crate::graphql::loader(OwnTasks(scope.clone()))
}

impl Loader<TaskId> for OwnTasks {
    type Value = ();
    type Error = Arc<Error>;

    async fn load(&self, ids: &[TaskId]) -> std::result::Result<HashMap<TaskId, ()>, Arc<Error>> {
        let these = task::Column::Id.one_of(ids.iter().copied());
        let rows = self.0.mine::<task::Entity>()?.filter(these).all().await?;
        Ok(rows.into_iter().map(|row| (row.id, ())).collect())
    }
}

/// Whether the caller may use `field` on the task with this global id.
///
/// # Errors
/// When the database is away.
pub async fn may(ctx: &Context<'_>, field: (&str, &str), id: &ID) -> Result<Decision> {
    let beforehand = Decision::of(ctx, field, Facts::default());
    let Some(id) = decode_id(id).filter(|(kind, _)| kind == TYPE && beforehand.allowed) else {
        return Ok(if beforehand.allowed { beforehand.about_nothing() } else { beforehand });
    };
    let id = TaskId::from(id.1);
    let is_owner = ctx.data_unchecked::<DataLoader<OwnTasks>>().load_one(id).await?.is_some();
    let decision = Decision::of(ctx, field, Facts { is_owner: Some(is_owner), ..Facts::default() });
    let is_there = is_owner || is_told_of(ctx, task::Column::Id.is(id)).await?;
    Ok(if is_there { decision } else { decision.about_nothing() })
}
