//! Limits of sockets, streams and subscriptions per caller, across all addresses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hallpass_entity::UserId;

use crate::http::graphql::response::Rejection;
use crate::identity::Caller;

/// How many sockets and streams one caller has at most.
const MAX_CONNECTIONS_PER_CALLER: usize = 64;
/// How many subscriptions one caller has at most, over all of them.
const MAX_SUBSCRIPTIONS_PER_CALLER: usize = 256;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    /// A socket or a stream.
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
        Rejection::too_many_connections(match self {
            Self::Connection => "You have too many sockets and streams open: close some.",
            Self::Subscription => "You have too many subscriptions: end some.",
        })
    }
}

/// What each caller has open.
#[derive(Clone, Default)]
pub(crate) struct CallerLimiter(Arc<Mutex<HashMap<(UserId, Resource), usize>>>);

/// One of a caller's resources, free again when dropped.
pub(crate) struct Permit {
    quotas: CallerLimiter,
    key: (UserId, Resource),
}

impl CallerLimiter {
    /// A permit for `caller` to open one more. Callers without a credential need none: their address is limited.
    ///
    /// # Errors
    /// `RATE_LIMITED`, where they have as many as they may.
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
        Ok(Some(Permit { quotas: self.clone(), key }))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<(UserId, Resource), usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.quotas.open();
        if let Some(own) = open.get_mut(&self.key) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.key);
            }
        }
    }
}
