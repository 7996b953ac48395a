//! Resolver context: the caller, their scope, events and audit trail.

use std::any::{Any, type_name};
use std::sync::Arc;

use async_graphql::{Context, ID};
use hallpass_data::policy::OwnedEntity;
use hallpass_data::{Filter, Scope};
use hallpass_identity::Caller;

use super::error::{ApiError, Result};
use super::request_data::RequestData;
use crate::access::{RequestAuth, Rule};
use crate::config::OwnSettings;
use crate::events::{Event, Events};

pub use crate::config::OwnershipDenial;

/// What resolvers of all requests share.
pub struct Services {
    /// Events of rows.
    pub events: Events,
    /// The settings of the application.
    pub settings: OwnSettings,
    /// Whether a row of another user is forbidden, or not found.
    pub denial: OwnershipDenial,
}

/// Access to the request from resolvers.
///
/// ```
/// use async_graphql::Context;
/// use hallpass::data::policy::OwnedEntity;
/// use hallpass::prelude::*;
///
/// async fn greeting<E: OwnedEntity>(ctx: &Context<'_>) -> Result<String> {
///     let rows = ctx.scope().owned::<E>()?.count().await?;
///     let name = ctx.caller().and_then(|caller| caller.name()).unwrap_or("you");
///     Ok(format!("{name} has {rows} rows"))
/// }
/// ```
pub trait ContextExt<'a> {
    /// Query entry points, scoped to the caller.
    fn scope(&self) -> &'a Scope;
    /// The caller. None if no caller is signed in.
    fn caller(&self) -> Option<&'a Caller>;
    /// The caller, the policy and the audit trail of the request.
    fn request_auth(&self) -> &'a RequestAuth;
    /// The data of the request of the type `T`, such as batch loaders, created when a resolver first asks for it.
    ///
    /// # Panics
    /// If no domain has such data: see [`Domain::request_data`](crate::Domain::request_data).
    fn request_data<T: Any>(&self) -> &'a T;
    /// Audits the row that a mutation created. Rows in its arguments are audited automatically.
    fn audit_created_row(&self, row: impl Into<ID>);
    /// The settings of the application of the type `T`.
    ///
    /// # Errors
    /// If the application has no such settings: see [`Builder::settings`](crate::Builder::settings).
    fn settings<T: Any>(&self) -> Result<&'a T>;
    /// Publishes an event to the caller's subscribers. Call it after the commit, never before.
    fn publish(&self, event: Event);
    /// Publishes an event to the subscribers of [`public_event_stream`](super::public_event_stream), of any caller. Call it after the commit, never before.
    fn publish_to_all(&self, event: Event);
}

impl<'a> ContextExt<'a> for Context<'a> {
    fn scope(&self) -> &'a Scope {
        self.data_unchecked::<Scope>()
    }

    fn caller(&self) -> Option<&'a Caller> {
        self.request_auth().caller.as_deref()
    }

    fn request_auth(&self) -> &'a RequestAuth {
        self.data_unchecked::<RequestAuth>()
    }

    fn request_data<T: Any>(&self) -> &'a T {
        let data = self.data_unchecked::<RequestData>();
        let found = data.get(self.request_auth(), self.scope());
        found.unwrap_or_else(|| panic!("no domain has request data `{}`", type_name::<T>()))
    }

    fn audit_created_row(&self, row: impl Into<ID>) {
        self.request_auth().trail.add_row(row.into().0);
    }

    fn settings<T: Any>(&self) -> Result<&'a T> {
        Ok(services(self).settings.get()?)
    }

    fn publish(&self, event: Event) {
        if let Some(owner) = self.scope().owner() {
            services(self).events.publish(owner, event);
        }
    }

    fn publish_to_all(&self, event: Event) {
        services(self).events.publish_to_all(event);
    }
}

/// What resolvers of all requests share.
pub(super) fn services<'a>(ctx: &Context<'a>) -> &'a Services {
    ctx.data_unchecked::<Arc<Services>>()
}

/// The error for a row that the caller does not own: `NOT_FOUND`, or `FORBIDDEN` if another user owns it and
/// `OWNERSHIP_DENIAL=forbid`.
///
/// # Errors
/// When the database is unavailable.
pub async fn not_found_or_forbidden<E: OwnedEntity>(
    ctx: &Context<'_>,
    what: &'static str,
    row: Filter<E>,
) -> Result<ApiError> {
    Ok(match discloses_ownership(ctx, row).await? {
        true => Rule::Owner.deny(ctx).into(),
        false => ApiError::NotFound(what),
    })
}

/// Whether another user owns `row` and the server discloses that (`OWNERSHIP_DENIAL=forbid`).
///
/// # Errors
/// When the database is unavailable.
pub async fn discloses_ownership<E: OwnedEntity>(
    ctx: &Context<'_>,
    row: Filter<E>,
) -> Result<bool> {
    match services(ctx).denial {
        OwnershipDenial::Forbid => Ok(ctx.scope().exists_for_other_owner(row).await?),
        OwnershipDenial::Hide => Ok(false),
    }
}
