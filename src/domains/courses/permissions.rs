//! Permission checks for chapters by global ID, for `can`.

use async_graphql::{Context, ID};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::loaders::Loaders;
use super::types::Chapter;
use super::viewer::{EDIT, READ};
use hallpass::access::{Resource as _, ResourceAttributes};
use hallpass::graphql::{ContextExt as _, Id, Permission, Result};

/// Whether the caller may read the text of the chapter with this global ID.
pub(super) fn may_read<'a>(ctx: &'a Context<'_>, id: &'a ID) -> BoxFuture<'a, Result<Permission>> {
    may(ctx, READ, id).boxed()
}

/// Whether the caller may change the chapter with this global ID.
pub(super) fn may_edit<'a>(ctx: &'a Context<'_>, id: &'a ID) -> BoxFuture<'a, Result<Permission>> {
    may(ctx, EDIT, id).boxed()
}

/// Whether the caller may use `field` on the chapter with this global ID.
///
/// # Errors
/// When the database or the auth server is unavailable.
async fn may(ctx: &Context<'_>, field: (&str, &str), id: &ID) -> Result<Permission> {
    let without_row = Permission::of(ctx, field, ResourceAttributes::default()).await?;
    // A client without the scope must not learn which chapters exist.
    if without_row.lacks_scope {
        return Ok(without_row.for_missing_scope());
    }
    let row = match Id::<Chapter>::from(id.clone()).key() {
        Ok(id) => ctx.request_data::<Loaders>().chapters.load_one(id).await?,
        Err(_) => None,
    };
    Ok(match row {
        Some(row) => Permission::of(ctx, field, Chapter(row).attributes()).await?,
        None => without_row.for_missing_row(),
    })
}
