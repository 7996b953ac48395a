//! Limits of WebSockets, event streams and subscriptions: of a caller across all addresses, and of the anonymous callers of
//! one address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hallpass_data::Client;

use crate::http::graphql::rejection::Rejection;
use hallpass_identity::Caller;

/// Open WebSockets and event streams of one caller. Those of an address have a limit of their own.
const MAX_CONNECTIONS_PER_CALLER: usize = 64;
/// Subscriptions of one caller, or of the anonymous callers of one address, over all connections.
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
pub(crate) struct CallerLimiter(Arc<Mutex<HashMap<(Client, Resource), usize>>>);

/// Permit for one resource of a caller, released when dropped.
pub(crate) struct Permit {
    limiter: CallerLimiter,
    key: (Client, Resource),
    held: usize,
}

impl Permit {
    /// The number that the caller held when it was acquired, with this one.
    pub(crate) fn held(&self) -> usize {
        self.held
    }
}

impl CallerLimiter {
    /// Acquires a permit for a connection of `caller`; `None` for anonymous callers, whose connections are limited per
    /// address.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub(crate) fn acquire_connection(
        &self,
        caller: Option<&Caller>,
    ) -> Result<Option<Permit>, Rejection> {
        let client = caller.map(|caller| Client::Caller(caller.id().as_str().into()));
        client.map(|client| self.acquire(client, Resource::Connection)).transpose()
    }

    /// Acquires a permit for `client`.
    ///
    /// # Errors
    /// `RATE_LIMITED`, if the client is at the limit.
    pub(crate) fn acquire(&self, client: Client, resource: Resource) -> Result<Permit, Rejection> {
        let key = (client, resource);
        let mut open = self.open();
        let own = open.entry(key.clone()).or_default();
        if *own >= resource.max() {
            return Err(resource.rejected());
        }
        *own += 1;
        let held = *own;
        Ok(Permit { limiter: self.clone(), key, held })
    }

    /// The most WebSockets and event streams that one caller holds.
    pub(super) fn most_connections(&self) -> usize {
        let open = self.open();
        let of_callers = open.iter().filter(|((_, resource), _)| *resource == Resource::Connection);
        of_callers.map(|(_, own)| *own).max().unwrap_or_default()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<(Client, Resource), usize>> {
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
