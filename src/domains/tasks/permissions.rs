//! Permission checks for tasks by global ID, for `can`. Ownership is loaded in one statement per request.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{Context, ID};
use hallpass_data::{Comparison as _, Error, Scope};
use hallpass_entity::{TaskId, task};

use super::types::TYPE;
use crate::access::ResourceAttributes;
use crate::graphql::{Permission, Result, decode_id, discloses_ownership};

/// Batch loader: which of the tasks that one request checks belong to the caller.
pub struct OwnTasks(Scope);

/// Creates the loader of one request.
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

/// Whether the caller may use `field` on the task with this global ID.
///
/// # Errors
/// When the database or the auth server is unavailable.
pub async fn may(ctx: &Context<'_>, field: (&str, &str), id: &ID) -> Result<Permission> {
    let without_row = Permission::of(ctx, field, ResourceAttributes::ASSUME_OWNER).await?;
    let Some(id) = decode_id(id).filter(|(kind, _)| kind == TYPE && without_row.allowed) else {
        return Ok(if without_row.allowed { without_row.for_missing_row() } else { without_row });
    };
    let id = TaskId::from(id.1);
    let is_owner = ctx.data_unchecked::<DataLoader<OwnTasks>>().load_one(id).await?.is_some();
    let attributes = ResourceAttributes { is_owner, ..ResourceAttributes::default() };
    let decision = Permission::of(ctx, field, attributes).await?;
    let is_visible = is_owner || discloses_ownership(ctx, task::Column::Id.is(id)).await?;
    Ok(if is_visible { decision } else { decision.for_missing_row() })
}
