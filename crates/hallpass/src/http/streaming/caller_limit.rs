//! Limits of WebSockets, event streams and subscriptions per caller, across all addresses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hallpass_data::UserId;

use crate::http::graphql::response::Rejection;
use hallpass_identity::Caller;

/// Open WebSockets and event streams of one caller.
const MAX_CONNECTIONS_PER_CALLER: usize = 64;
/// Subscriptions of one caller, over all connections.
const MAX_SUBSCRIPTIONS_PER_CALLER: usize = 256;

/// A limited resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    /// A WebSocket or an event stream.
    Connection,
    /// A subscription.
    Subscription,
}

impl Resource {
    fn max(self) -> usize {
        match self {
            Self::Connection => MAX_CONNECTIONS_PER_CALLER,
            Self::Subscription => MAX_SUBSCRIPTIONS_PER_CALLER,
        }
    }

    fn rejected(self) -> Rejection {
        Rejection::too_many(match self {
            Self::Connection => "Too many open WebSockets and event streams: close some.",
            Self::Subscription => "Too many active subscriptions: end some.",
        })
    }
}

/// Counts the open resources of each caller.
#[derive(Clone, Default)]
pub(crate) struct CallerLimiter(Arc<Mutex<HashMap<(UserId, Resource), usize>>>);

/// Permit for one resource of a caller, released when dropped.
pub(crate) struct Permit {
    limiter: CallerLimiter,
    key: (UserId, Resource),
}

impl CallerLimiter {
    /// Acquires a permit for `caller`; `None` for anonymous callers, who are limited per address.
    ///
    /// # Errors
    /// `RATE_LIMITED`, if the caller is at the limit.
    pub(crate) fn acquire(
        &self,
        caller: Option<&Caller>,
        resource: Resource,
    ) -> Result<Option<Permit>, Rejection> {
        let Some(caller) = caller else { return Ok(None) };
        let key = (caller.id().clone(), resource);
        let mut open = self.open();
        let own = open.entry(key.clone()).or_default();
        if *own >= resource.max() {
            return Err(resource.rejected());
        }
        *own += 1;
        Ok(Some(Permit { limiter: self.clone(), key }))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<(UserId, Resource), usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.limiter.open();
        if let Some(own) = open.get_mut(&self.key) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.key);
            }
        }
    }
}
