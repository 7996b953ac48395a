//! Rows that only their owner sees, and those of a tenant.

use async_graphql::Context;
use hallpass_data::Filter;
use hallpass_data::policy::{OwnedEntity, TenantEntity};

use super::context::{ContextExt as _, discloses_ownership};
use super::error::Result;
use super::permission_check::Permission;
use crate::access::{ResourceAttributes, Rule};

/// The caller's row. None if it does not exist or is another user's, as for an anonymous caller.
///
/// ```
/// use async_graphql::Context;
/// use hallpass::data::Filter;
/// use hallpass::data::policy::OwnedEntity;
/// use hallpass::prelude::*;
///
/// async fn is_own<E: OwnedEntity>(ctx: &Context<'_>, row: Filter<E>) -> Result<bool> {
///     Ok(find_own(ctx, row).await?.is_some())
/// }
/// ```
///
/// # Errors
/// When the database is unavailable. With `OWNERSHIP_DENIAL=forbid`, for another user's row.
pub async fn find_own<E: OwnedEntity>(
    ctx: &Context<'_>,
    row: Filter<E>,
) -> Result<Option<E::Model>> {
    if ctx.scope().owner().is_none() {
        return Ok(None);
    }
    match ctx.scope().owned::<E>()?.filter(row.clone()).one().await? {
        None if discloses_ownership(ctx, row).await? => Err(Rule::Owner.deny(ctx).into()),
        found => Ok(found),
    }
}

/// The row of the caller's tenant. None if it does not exist or is another tenant's, as for a caller without a tenant.
///
/// # Errors
/// When the database is unavailable.
pub async fn find_in_tenant<E: TenantEntity>(
    ctx: &Context<'_>,
    row: Filter<E>,
) -> Result<Option<E::Model>> {
    if ctx.scope().tenant_id().is_none() {
        return Ok(None);
    }
    Ok(ctx.scope().tenant::<E>()?.filter(row).one().await?)
}

impl Permission {
    /// As [`Permission::of`], for the caller's `row`: denied as `NOT_FOUND` if it does not exist or is another user's.
    /// None for the ID of an object of another type.
    ///
    /// # Errors
    /// When the database or the auth server is unavailable.
    pub async fn of_own_row<E: OwnedEntity>(
        ctx: &Context<'_>,
        field: (&str, &str),
        row: Option<Filter<E>>,
    ) -> Result<Self> {
        let of_own = Self::of(ctx, field, ResourceAttributes::ASSUME_OWNER).await?;
        if !of_own.allowed {
            return Ok(of_own);
        }
        let Some(row) = row else { return Ok(of_own.for_missing_row()) };
        if ctx.scope().owned::<E>()?.filter(row.clone()).count().await? > 0 {
            return Ok(of_own);
        }
        let of_others = Self::of(ctx, field, ResourceAttributes::default()).await?;
        let is_visible = discloses_ownership(ctx, row).await?;
        Ok(if is_visible { of_others } else { of_others.for_missing_row() })
    }
}
