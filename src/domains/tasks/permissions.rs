//! Permission checks for tasks by global ID, for `can`.

use async_graphql::{Context, ID};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hallpass::data::Comparison as _;
use hallpass_entity::task;

use super::loaders::TaskLoaders;
use super::types::Task;
use super::viewer::{DELETE, PUBLISH, UPDATE};
use hallpass::access::ResourceAttributes;
use hallpass::graphql::{ContextExt as _, Id, Permission, Result, discloses_ownership};

/// Whether the caller may change the task with this global ID.
pub(super) fn may_update<'a>(
    ctx: &'a Context<'_>,
    id: &'a ID,
) -> BoxFuture<'a, Result<Permission>> {
    may(ctx, UPDATE, id).boxed()
}

/// Whether the caller may delete the task with this global ID.
pub(super) fn may_delete<'a>(
    ctx: &'a Context<'_>,
    id: &'a ID,
) -> BoxFuture<'a, Result<Permission>> {
    may(ctx, DELETE, id).boxed()
}

/// Whether the caller may publish or unpublish the task with this global ID.
pub(super) fn may_publish<'a>(
    ctx: &'a Context<'_>,
    id: &'a ID,
) -> BoxFuture<'a, Result<Permission>> {
    may(ctx, PUBLISH, id).boxed()
}

/// Whether the caller may use `field` on the task with this global ID.
///
/// # Errors
/// When the database or the auth server is unavailable.
async fn may(ctx: &Context<'_>, field: (&str, &str), id: &ID) -> Result<Permission> {
    let without_row = Permission::of(ctx, field, ResourceAttributes::ASSUME_OWNER).await?;
    if !without_row.allowed {
        return Ok(without_row);
    }
    let Ok(id) = Id::<Task>::from(id.clone()).key() else {
        return Ok(without_row.for_missing_row());
    };
    let is_owner = ctx.request_data::<TaskLoaders>().own.load_one(id).await?.is_some();
    let attributes = ResourceAttributes { is_owner, ..ResourceAttributes::default() };
    let decision = Permission::of(ctx, field, attributes).await?;
    let is_visible = is_owner || discloses_ownership(ctx, task::Column::Id.is(id)).await?;
    Ok(if is_visible { decision } else { decision.for_missing_row() })
}
