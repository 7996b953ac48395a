//! Permission checks for chapters by global ID, for `can`.

use async_graphql::{Context, ID};
use hallpass_entity::ChapterId;

use super::kinds::CHAPTER;
use super::loaders::Loaders;
use super::types::ChapterFields;
use crate::access::{Resource as _, ResourceAttributes};
use crate::graphql::{Permission, Result, decode_id};

/// Whether the caller may use `field` on the chapter with this global ID.
///
/// # Errors
/// When the database or the auth server is unavailable.
pub async fn may(ctx: &Context<'_>, field: (&str, &str), id: &ID) -> Result<Permission> {
    let without_row = Permission::of(ctx, field, ResourceAttributes::default()).await?;
    // A client without the scope must not learn which chapters exist.
    if without_row.lacks_scope {
        return Ok(without_row);
    }
    let id: Option<ChapterId> =
        decode_id(id).filter(|(kind, _)| kind == CHAPTER).map(|(_, key)| key.into());
    let row = match id {
        Some(id) => ctx.data_unchecked::<Loaders>().chapters.load_one(id).await?,
        None => None,
    };
    Ok(match row {
        Some(row) => Permission::of(ctx, field, ChapterFields(row).attributes()).await?,
        None => without_row.for_missing_row(),
    })
}
