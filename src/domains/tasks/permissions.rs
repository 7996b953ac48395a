//! The same of a task that is named by its global id.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{Context, ID};
use hallpass_entity::{Comparison as _, Error, Scope, TaskId, task};

use super::types::TYPE;
use crate::access::ResourceAttributes;
use crate::graphql::{Permission, Result, decode_id, discloses_ownership};

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
        let rows = self.0.owned::<task::Entity>()?.filter(these).all().await?;
        Ok(rows.into_iter().map(|row| (row.id, ())).collect())
    }
}

/// Whether the caller may use `field` on the task with this global id.
///
/// # Errors
/// When the database or the auth server is away.
pub async fn may(ctx: &Context<'_>, field: (&str, &str), id: &ID) -> Result<Permission> {
    let beforehand = Permission::of(ctx, field, ResourceAttributes::ASSUME_OWNER).await?;
    let Some(id) = decode_id(id).filter(|(kind, _)| kind == TYPE && beforehand.allowed) else {
        return Ok(if beforehand.allowed { beforehand.for_missing_row() } else { beforehand });
    };
    let id = TaskId::from(id.1);
    let is_owner = ctx.data_unchecked::<DataLoader<OwnTasks>>().load_one(id).await?.is_some();
    let facts = ResourceAttributes { is_owner, ..ResourceAttributes::default() };
    let decision = Permission::of(ctx, field, facts).await?;
    let is_there = is_owner || discloses_ownership(ctx, task::Column::Id.is(id)).await?;
    Ok(if is_there { decision } else { decision.for_missing_row() })
}
