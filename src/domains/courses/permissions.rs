//! The same of a chapter that is named by its global id.

use async_graphql::{Context, ID};
use hallpass_entity::ChapterId;

use super::loaders::Loaders;
use super::types::{CHAPTER, ChapterFields};
use crate::access::{Resource as _, ResourceAttributes};
use crate::graphql::{Permission, Result, decode_id};

/// Whether the caller may use `field` on the chapter with this global id.
///
/// # Errors
/// When the database or the auth server is away.
pub async fn may(ctx: &Context<'_>, field: (&str, &str), id: &ID) -> Result<Permission> {
    let beforehand = Permission::of(ctx, field, ResourceAttributes::default()).await?;
    // Which chapters are there is nothing that a client without the scope learns.
    if beforehand.lacks_scope {
        return Ok(beforehand);
    }
    let id: Option<ChapterId> =
        decode_id(id).filter(|(kind, _)| kind == CHAPTER).map(|(_, key)| key.into());
    let row = match id {
        Some(id) => ctx.data_unchecked::<Loaders>().chapters.load_one(id).await?,
        None => None,
    };
    Ok(match row {
        Some(row) => Permission::of(ctx, field, ChapterFields(row).facts()).await?,
        None => beforehand.for_missing_row(),
    })
}
