//! Connection limits of WebSockets and event streams: in total, per address, and for anonymous callers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Permit;
use crate::http::client_ip::ClientNetwork;
use crate::http::graphql::rejection::Rejection;
use hallpass_identity::Caller;

/// Half of all connections; the others remain for ordinary requests.
const MAX_CONNECTIONS: Limits = Limits { all: 2048, anonymous: 1024, unknown: 512 };
/// Per address (IPv6: /64 network), which a whole office may share.
const MAX_CONNECTIONS_PER_IP: Limits = Limits { all: 256, anonymous: 64, unknown: 64 };

/// Whose connection it is. Sockets that are not authenticated yet have a limit of their own, so that anonymous ones do
/// not keep out users of the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Not authenticated yet, for at most `REQUEST_TIMEOUT`.
    Unknown,
    Anonymous,
    SignedIn,
}

impl Holder {
    /// Of an authenticated connection.
    pub(crate) fn of(caller: Option<&Caller>) -> Self {
        match caller {
            Some(_) => Self::SignedIn,
            None => Self::Anonymous,
        }
    }
}

/// Counts open WebSockets and event streams.
#[derive(Clone)]
pub(crate) struct ConnectionLimiter {
    counts: Arc<Mutex<Counts>>,
    gauge: Gauge,
}

#[derive(Default)]
struct Counts {
    total: Count,
    by_client: HashMap<ClientNetwork, Count>,
}

/// Connections of each kind of holder.
#[derive(Clone, Copy, Default)]
struct Count {
    all: usize,
    anonymous: usize,
    unknown: usize,
}

type Limits = Count;

/// Permit of one connection, released when dropped.
pub(crate) struct ConnectionPermit {
    limiter: ConnectionLimiter,
    client: ClientNetwork,
    holder: Holder,
}

impl ConnectionLimiter {
    /// A limiter whose number of open connections is a metric in `registry`.
    pub(crate) fn registered(registry: &mut Registry) -> Self {
        let limiter = Self { counts: Arc::default(), gauge: Gauge::default() };
        let help = "Open WebSockets and event streams";
        registry.register("hallpass_streaming_connections", help, limiter.gauge.clone());
        limiter
    }

    /// Acquires a permit for a client at `address`.
    ///
    /// # Errors
    /// If a limit is reached.
    pub(crate) fn acquire(
        &self,
        address: IpAddr,
        holder: Holder,
    ) -> Result<ConnectionPermit, Rejection> {
        let client = ClientNetwork::of(address);
        let mut counts = self.counts();
        counts.check(&client, holder)?;
        counts.add(&client, holder);
        drop(counts);
        self.gauge.inc();
        Ok(ConnectionPermit { limiter: self.clone(), client, holder })
    }

    /// The most connections that one address holds.
    pub(super) fn most_of_an_address(&self) -> usize {
        self.counts().by_client.values().map(|own| own.all).max().unwrap_or_default()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// # Errors
    /// If a limit is reached.
    fn check(&self, client: &ClientNetwork, holder: Holder) -> Result<(), Rejection> {
        let own = self.by_client.get(client).copied().unwrap_or_default();
        if self.total.is_full(MAX_CONNECTIONS, holder) {
            let message = "Too many open streaming connections: try again later.";
            return Err(Rejection::too_many(message));
        }
        if own.is_full(MAX_CONNECTIONS_PER_IP, holder) {
            let message = "Too many open streaming connections from your address: close some.";
            return Err(Rejection::too_many(message));
        }
        Ok(())
    }

    fn add(&mut self, client: &ClientNetwork, holder: Holder) {
        self.total.add(holder);
        self.by_client.entry(client.clone()).or_default().add(holder);
    }

    fn remove(&mut self, client: &ClientNetwork, holder: Holder) {
        self.total.remove(holder);
        if let Some(own) = self.by_client.get_mut(client) {
            own.remove(holder);
            if own.all == 0 {
                self.by_client.remove(client);
            }
        }
    }
}

impl Count {
    fn of(&mut self, holder: Holder) -> Option<&mut usize> {
        match holder {
            Holder::Unknown => Some(&mut self.unknown),
            Holder::Anonymous => Some(&mut self.anonymous),
            Holder::SignedIn => None,
        }
    }

    fn is_full(mut self, mut limits: Limits, holder: Holder) -> bool {
        self.all >= limits.all
            || self.of(holder).zip(limits.of(holder)).is_some_and(|(count, limit)| count >= limit)
    }

    fn add(&mut self, holder: Holder) {
        self.all += 1;
        if let Some(count) = self.of(holder) {
            *count += 1;
        }
    }

    fn remove(&mut self, holder: Holder) {
        self.all -= 1;
        if let Some(count) = self.of(holder) {
            *count -= 1;
        }
    }
}

impl ConnectionPermit {
    /// The number of connections that its address holds.
    pub(crate) fn held(&self) -> usize {
        self.limiter.counts().by_client.get(&self.client).map_or(0, |own| own.all)
    }

    /// Counts the connection as one of `holder` from now on.
    ///
    /// # Errors
    /// If the limit of such connections is reached.
    pub(crate) fn authenticated(&mut self, holder: Holder) -> Result<(), Rejection> {
        let mut counts = self.limiter.counts();
        counts.remove(&self.client, self.holder);
        let checked = counts.check(&self.client, holder);
        if checked.is_ok() {
            self.holder = holder;
        }
        counts.add(&self.client, self.holder);
        checked
    }
}

/// The WebSockets and event streams that the caller holds; of an anonymous one, those of its address.
pub(super) fn held(connection: &ConnectionPermit, of_caller: Option<&Permit>) -> usize {
    of_caller.map_or_else(|| connection.held(), Permit::held)
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.limiter.gauge.dec();
        self.limiter.counts().remove(&self.client, self.holder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use Holder::{Anonymous, SignedIn, Unknown};

    fn acquire(
        limiter: &ConnectionLimiter,
        address: &str,
        holder: Holder,
    ) -> Option<ConnectionPermit> {
        limiter.acquire(address.parse().unwrap(), holder).ok()
    }

    fn fill(
        limiter: &ConnectionLimiter,
        holder: Holder,
        address: impl Fn(usize) -> String,
    ) -> Vec<ConnectionPermit> {
        (0..).map_while(|number| acquire(limiter, &address(number), holder)).collect()
    }

    const OFFICE: &str = "192.0.2.1";

    #[test]
    fn connections_of_one_address_are_limited_by_holder() {
        let limiter = ConnectionLimiter::registered(&mut Registry::default());
        let office = |_| OFFICE.to_owned();
        let mut anonymous = fill(&limiter, Anonymous, office);
        let unknown = fill(&limiter, Unknown, office);
        assert_eq!((anonymous.len(), unknown.len()), (64, 64));
        assert_eq!(fill(&limiter, SignedIn, office).len(), 256 - 64 - 64);
        assert!(acquire(&limiter, "192.0.2.2", Anonymous).is_some(), "another address");
        anonymous.pop();
        assert!(acquire(&limiter, OFFICE, Unknown).is_none());
        assert!(acquire(&limiter, OFFICE, Anonymous).is_some());
    }

    #[test]
    fn authenticated_connections_count_as_their_holders() {
        let limiter = ConnectionLimiter::registered(&mut Registry::default());
        let anonymous = fill(&limiter, Anonymous, |_| OFFICE.to_owned());
        let mut signed_in = acquire(&limiter, OFFICE, Unknown).unwrap();
        let mut refused = acquire(&limiter, OFFICE, Unknown).unwrap();
        assert!(signed_in.authenticated(SignedIn).is_ok());
        assert!(refused.authenticated(Anonymous).is_err());
        assert_eq!(fill(&limiter, Unknown, |_| OFFICE.to_owned()).len(), 63, "one is unknown");
        drop((anonymous, refused));
        let mut accepted = acquire(&limiter, OFFICE, Unknown).unwrap();
        assert!(accepted.authenticated(Anonymous).is_ok());
        assert_eq!(fill(&limiter, Anonymous, |_| OFFICE.to_owned()).len(), 63);
        drop((signed_in, accepted));
        assert!(limiter.counts().by_client.is_empty());
    }

    #[test]
    fn ipv6_addresses_of_one_64_share_their_limit() {
        let limiter = ConnectionLimiter::registered(&mut Registry::default());
        let counts = fill(&limiter, SignedIn, |number| format!("2001:db8::{number:x}"));
        assert_eq!(counts.len(), 256);
        assert!(acquire(&limiter, "2001:db8:0:1::1", SignedIn).is_some(), "another network");
    }

    #[test]
    fn anonymous_connections_leave_half_to_others() {
        let limiter = ConnectionLimiter::registered(&mut Registry::default());
        let address = |number: usize| format!("2001:db8:0:{number:x}::1");
        let anonymous = fill(&limiter, Anonymous, address);
        let unknown = fill(&limiter, Unknown, address);
        assert_eq!((anonymous.len(), unknown.len()), (1024, 512));
        assert_eq!(fill(&limiter, SignedIn, address).len(), 512);
        drop(unknown);
        let signed_in = fill(&limiter, SignedIn, address);
        assert_eq!(signed_in.len(), 1024);
        drop((anonymous, signed_in));
        assert!(limiter.counts().by_client.is_empty());
    }
}
