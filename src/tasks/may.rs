//! The same of a task that is named by its global id.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{Context, ID};
use hallpass_entity::{Comparison as _, Error, Scope, TaskId, task};

use super::types::TYPE;
use crate::access::Facts;
use crate::graphql::{Decision, Result, decode_id, is_told_of};

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
/// When the database or the auth server is away.
pub async fn may(ctx: &Context<'_>, field: (&str, &str), id: &ID) -> Result<Decision> {
    let beforehand = Decision::of(ctx, field, Facts::UNSEEN).await?;
    let Some(id) = decode_id(id).filter(|(kind, _)| kind == TYPE && beforehand.allowed) else {
        return Ok(if beforehand.allowed { beforehand.about_nothing() } else { beforehand });
    };
    let id = TaskId::from(id.1);
    let is_owner = ctx.data_unchecked::<DataLoader<OwnTasks>>().load_one(id).await?.is_some();
    let facts = Facts { is_owner, ..Facts::default() };
    let decision = Decision::of(ctx, field, facts).await?;
    let is_there = is_owner || is_told_of(ctx, task::Column::Id.is(id)).await?;
    Ok(if is_there { decision } else { decision.about_nothing() })
}
