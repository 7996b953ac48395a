//! Connection limits of WebSockets and event streams: in total, per address, and for anonymous callers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::http::client_ip::ClientNetwork;
use crate::http::graphql::response::Rejection;

/// Half of all connections; the others remain for ordinary requests.
const MAX_CONNECTIONS: usize = 2048;
/// Per address (IPv6: /64 network), which a whole office may share.
const MAX_CONNECTIONS_PER_IP: usize = 256;
/// Of these, those of callers who are anonymous or not yet authenticated.
const MAX_ANONYMOUS_CONNECTIONS: usize = 1024;
const MAX_ANONYMOUS_CONNECTIONS_PER_IP: usize = 64;

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

#[derive(Clone, Copy, Default)]
struct Count {
    all: usize,
    anonymous: usize,
}

/// Permit of one connection, released when dropped.
pub(crate) struct ConnectionPermit {
    limiter: ConnectionLimiter,
    client: ClientNetwork,
    is_anonymous: bool,
}

impl ConnectionLimiter {
    /// A limiter whose number of open connections is a metric in `registry`.
    pub(crate) fn registered(registry: &mut Registry) -> Self {
        let limiter = Self { counts: Arc::default(), gauge: Gauge::default() };
        let help = "Open WebSockets and event streams";
        registry.register("hallpass_streaming_connections", help, limiter.gauge.clone());
        limiter
    }

    /// Acquires a permit for a client at `address`, who is anonymous or not yet authenticated unless `is_signed_in`.
    pub(crate) fn acquire(
        &self,
        address: IpAddr,
        is_signed_in: bool,
    ) -> Result<ConnectionPermit, Rejection> {
        let client = ClientNetwork::of(address);
        let mut counts = self.counts();
        let own = counts.by_client.get(&client).copied().unwrap_or_default();
        let is_anonymous = !is_signed_in;
        if counts.total.is_full(MAX_CONNECTIONS, MAX_ANONYMOUS_CONNECTIONS, is_anonymous) {
            return Err(Rejection::too_many(
                "Too many open streaming connections: try again later.",
            ));
        }
        if own.is_full(MAX_CONNECTIONS_PER_IP, MAX_ANONYMOUS_CONNECTIONS_PER_IP, is_anonymous) {
            let message = "Too many open streaming connections from your address: close some.";
            return Err(Rejection::too_many(message));
        }
        counts.total.add(is_anonymous);
        counts.by_client.entry(client.clone()).or_default().add(is_anonymous);
        self.gauge.inc();
        Ok(ConnectionPermit { limiter: self.clone(), client, is_anonymous })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    /// Whether `limit` is reached, or `anonymous_limit` for an anonymous connection.
    fn is_full(self, limit: usize, anonymous_limit: usize, is_anonymous: bool) -> bool {
        self.all >= limit || (is_anonymous && self.anonymous >= anonymous_limit)
    }

    fn add(&mut self, is_anonymous: bool) {
        self.all += 1;
        self.anonymous += usize::from(is_anonymous);
    }
}

impl ConnectionPermit {
    /// Counts the connection as signed in from now on.
    pub(crate) fn sign_in(&mut self) {
        if std::mem::take(&mut self.is_anonymous) {
            let mut counts = self.limiter.counts();
            counts.total.anonymous -= 1;
            if let Some(own) = counts.by_client.get_mut(&self.client) {
                own.anonymous -= 1;
            }
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.sign_in();
        self.limiter.gauge.dec();
        let mut counts = self.limiter.counts();
        counts.total.all -= 1;
        if let Some(own) = counts.by_client.get_mut(&self.client) {
            own.all -= 1;
            if own.all == 0 {
                counts.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acquire(
        limiter: &ConnectionLimiter,
        address: &str,
        is_signed_in: bool,
    ) -> Option<ConnectionPermit> {
        limiter.acquire(address.parse().unwrap(), is_signed_in).ok()
    }

    fn fill(
        limiter: &ConnectionLimiter,
        is_signed_in: bool,
        address: impl Fn(usize) -> String,
    ) -> Vec<ConnectionPermit> {
        (0..).map_while(|number| acquire(limiter, &address(number), is_signed_in)).collect()
    }

    #[test]
    fn anonymous_connections_of_one_address_are_few() {
        let limiter = ConnectionLimiter::registered(&mut Registry::default());
        let anonymous = fill(&limiter, false, |_| "192.0.2.1".to_owned());
        assert_eq!(anonymous.len(), 64);
        let mut signed_in = fill(&limiter, true, |_| "192.0.2.1".to_owned());
        assert_eq!(signed_in.len(), 256 - 64);
        assert!(acquire(&limiter, "192.0.2.2", false).is_some(), "another address");
        signed_in.pop();
        drop(anonymous);
        let mut upgraded = acquire(&limiter, "192.0.2.1", false).unwrap();
        upgraded.sign_in();
        assert_eq!(fill(&limiter, false, |_| "192.0.2.1".to_owned()).len(), 64);
    }

    #[test]
    fn ipv6_addresses_of_one_64_share_their_limit() {
        let limiter = ConnectionLimiter::registered(&mut Registry::default());
        let counts = fill(&limiter, true, |number| format!("2001:db8::{number:x}"));
        assert_eq!(counts.len(), 256);
        assert!(acquire(&limiter, "2001:db8:0:1::1", true).is_some(), "another network");
    }

    #[test]
    fn anonymous_connections_leave_half_to_others() {
        let limiter = ConnectionLimiter::registered(&mut Registry::default());
        let address = |number: usize| format!("2001:db8:0:{number:x}::1");
        let anonymous = fill(&limiter, false, address);
        assert_eq!(anonymous.len(), 1024);
        let signed_in = fill(&limiter, true, address);
        assert_eq!(signed_in.len(), 1024);
        drop((anonymous, signed_in));
        assert!(limiter.counts().by_client.is_empty());
    }
}
