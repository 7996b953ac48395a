//! Resolver context: the caller, their scope, event stream and audit trail.

use std::future::ready;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, HashMapCache};
use async_graphql::runtime::{TokioSpawner, TokioTimer};
use async_graphql::{Context, ID};
use futures_util::{Stream, StreamExt as _, stream};
use hallpass_entity::policy::OwnedEntity;
use hallpass_entity::{Error, Filter, Scope};

use super::error::{ApiError, Result};
use crate::access::{RequestAuth, Rule};
use crate::events::{Delivered, Event, Events, Listener};
use crate::identity::Caller;

pub use crate::config::OwnershipDenial;

/// The request, as resolvers see it.
pub trait ContextExt<'a> {
    /// The caller's doors to rows.
    fn scope(&self) -> &'a Scope;
    /// The caller; none when no caller is signed in.
    fn caller(&self) -> Option<&'a Caller>;
    /// Who asks, and what the rules mean here.
    fn request_auth(&self) -> &'a RequestAuth;
    /// Puts the row that a mutation made on the record; those that its arguments name are anyway.
    fn audit_created_row(&self, row: &ID);
    /// Tells the subscribers to the caller's events: after the change was committed, never before.
    fn publish(&self, event: Event);
    /// Hears what happens to the caller's rows from now on.
    ///
    /// # Errors
    /// When no caller is signed in, whose rows they would be.
    fn subscribe(&self) -> Result<Listener>;
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

    fn audit_created_row(&self, row: &ID) {
        self.request_auth().trail.add_row(row.0.clone());
    }

    fn publish(&self, event: Event) {
        if let Some(owner) = self.scope().owner() {
            self.data_unchecked::<Events>().publish(owner, event);
        }
    }

    fn subscribe(&self) -> Result<Listener> {
        let owner = self.scope().owner().ok_or(Error::Unauthenticated)?;
        Ok(self.data_unchecked::<Events>().listen(owner))
    }
}

/// What `pick` makes of the events that `listener` hears. A subscriber that falls behind is told so, and it ends: there
/// would be a gap.
pub fn event_stream<T>(
    listener: Listener,
    pick: impl Fn(Arc<Delivered>) -> Option<T>,
) -> impl Stream<Item = Result<T>> {
    let heard = stream::unfold(Some(listener), |listener| async {
        let mut listener = listener?;
        Some(match listener.next().await {
            Ok(event) => (Ok(event), Some(listener)),
            Err(missed) => (Err(missed.into()), None),
        })
    });
    heard.filter_map(move |event| ready(event.map(&pick).transpose()))
}

/// A loader for one request: what several fields ask for one by one is fetched at once. It keeps
/// nothing from request to request, so nothing of one caller's reaches another.
pub fn loader<L>(loader: L) -> DataLoader<L> {
    DataLoader::new(loader, TokioSpawner::current(), TokioTimer::default())
        .delay(std::time::Duration::ZERO)
}

/// The same, which also keeps what it fetched until the request ends: for rows that are known by a version.
pub fn loader_with_cache<L>(loader: L) -> DataLoader<L, HashMapCache> {
    let cache = HashMapCache::default();
    DataLoader::with_cache(loader, TokioSpawner::current(), TokioTimer::default(), cache)
        .delay(std::time::Duration::ZERO)
}

/// Why the caller does not get `row`: it is not there, unless the server is set to tell that it is
/// another's (`OWNERSHIP_DENIAL=forbid`).
///
/// # Errors
/// When the database is away.
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

/// Whether the caller, who does not own `row`, is told that another user does.
///
/// # Errors
/// When the database is away.
pub async fn discloses_ownership<E: OwnedEntity>(
    ctx: &Context<'_>,
    row: Filter<E>,
) -> Result<bool> {
    match ctx.data_unchecked::<OwnershipDenial>() {
        OwnershipDenial::Forbid => Ok(ctx.scope().exists_for_other_owner(row).await?),
        OwnershipDenial::Hide => Ok(false),
    }
}
