//! Connection limits of sockets and streams: in total, per address, and for anonymous ones.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::http::client_ip::ClientNetwork;
use crate::http::graphql::response::Rejection;

/// Half of the connections: the others are for requests that end.
const MAX_CONNECTIONS: usize = 2048;
/// Of one address (IPv6: network of 64 bits), behind which may be a whole office.
const MAX_CONNECTIONS_PER_IP: usize = 256;
/// Of them, those whose callers are anonymous, or not known yet.
const MAX_ANONYMOUS_CONNECTIONS: usize = 1024;
const MAX_ANONYMOUS_CONNECTIONS_PER_IP: usize = 64;

/// The seats of those who stay.
#[derive(Clone)]
pub(crate) struct ConnectionLimiter {
    taken: Arc<Mutex<Taken>>,
    gauge: Gauge,
}

#[derive(Default)]
struct Taken {
    by_all: Count,
    by_client: HashMap<ClientNetwork, Count>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    all: usize,
    anonymous: usize,
}

/// The seat of one connection, free again when dropped.
pub(crate) struct ConnectionPermit {
    seats: ConnectionLimiter,
    client: ClientNetwork,
    is_anonymous: bool,
}

impl ConnectionLimiter {
    /// None is taken, and `registry` shows how many are.
    pub(crate) fn registered(registry: &mut Registry) -> Self {
        let seats = Self { taken: Arc::default(), gauge: Gauge::default() };
        let help = "WebSockets and event streams that are open";
        registry.register("hallpass_live_connections", help, seats.gauge.clone());
        seats
    }

    /// A seat for a client at `address`, who is anonymous, or not known yet, unless `is_signed_in`.
    pub(crate) fn acquire(
        &self,
        address: IpAddr,
        is_signed_in: bool,
    ) -> Result<ConnectionPermit, Rejection> {
        let client = ClientNetwork::of(address);
        let mut taken = self.counts();
        let own = taken.by_client.get(&client).copied().unwrap_or_default();
        let is_anonymous = !is_signed_in;
        if taken.by_all.has(MAX_CONNECTIONS, MAX_ANONYMOUS_CONNECTIONS, is_anonymous) {
            return Err(Rejection::too_many_connections(
                "There are too many live connections: try again soon.",
            ));
        }
        if own.has(MAX_CONNECTIONS_PER_IP, MAX_ANONYMOUS_CONNECTIONS_PER_IP, is_anonymous) {
            let message = "There are too many live connections from your address: close some.";
            return Err(Rejection::too_many_connections(message));
        }
        taken.by_all.add(is_anonymous);
        taken.by_client.entry(client.clone()).or_default().add(is_anonymous);
        self.gauge.inc();
        Ok(ConnectionPermit { seats: self.clone(), client, is_anonymous })
    }

    fn counts(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    /// Whether there are `most`, or, for one more that is anonymous, `most_anonymous` of these.
    fn has(self, most: usize, most_anonymous: usize, is_anonymous: bool) -> bool {
        self.all >= most || (is_anonymous && self.anonymous >= most_anonymous)
    }

    fn add(&mut self, is_anonymous: bool) {
        self.all += 1;
        self.anonymous += usize::from(is_anonymous);
    }
}

impl ConnectionPermit {
    /// The caller turned out to be signed in.
    pub(crate) fn sign_in(&mut self) {
        if std::mem::take(&mut self.is_anonymous) {
            let mut taken = self.seats.counts();
            taken.by_all.anonymous -= 1;
            if let Some(own) = taken.by_client.get_mut(&self.client) {
                own.anonymous -= 1;
            }
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.sign_in();
        self.seats.gauge.dec();
        let mut taken = self.seats.counts();
        taken.by_all.all -= 1;
        if let Some(own) = taken.by_client.get_mut(&self.client) {
            own.all -= 1;
            if own.all == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(
        seats: &ConnectionLimiter,
        address: &str,
        is_signed_in: bool,
    ) -> Option<ConnectionPermit> {
        seats.acquire(address.parse().unwrap(), is_signed_in).ok()
    }

    fn fill(
        seats: &ConnectionLimiter,
        is_signed_in: bool,
        address: impl Fn(usize) -> String,
    ) -> Vec<ConnectionPermit> {
        (0..).map_while(|number| take(seats, &address(number), is_signed_in)).collect()
    }

    #[test]
    fn anonymous_seats_of_one_address_are_few() {
        let seats = ConnectionLimiter::registered(&mut Registry::default());
        let anonymous = fill(&seats, false, |_| "192.0.2.1".to_owned());
        assert_eq!(anonymous.len(), 64);
        let mut signed_in = fill(&seats, true, |_| "192.0.2.1".to_owned());
        assert_eq!(signed_in.len(), 256 - 64);
        assert!(take(&seats, "192.0.2.2", false).is_some(), "another address");
        signed_in.pop();
        drop(anonymous);
        let mut introduced = take(&seats, "192.0.2.1", false).unwrap();
        introduced.sign_in();
        assert_eq!(fill(&seats, false, |_| "192.0.2.1".to_owned()).len(), 64);
    }

    #[test]
    fn ipv6_addresses_of_one_64_share_their_seats() {
        let seats = ConnectionLimiter::registered(&mut Registry::default());
        let taken = fill(&seats, true, |number| format!("2001:db8::{number:x}"));
        assert_eq!(taken.len(), 256);
        assert!(take(&seats, "2001:db8:0:1::1", true).is_some(), "another network");
    }

    #[test]
    fn anonymous_seats_leave_half_to_others() {
        let seats = ConnectionLimiter::registered(&mut Registry::default());
        let address = |number: usize| format!("2001:db8:0:{number:x}::1");
        let anonymous = fill(&seats, false, address);
        assert_eq!(anonymous.len(), 1024);
        let signed_in = fill(&seats, true, address);
        assert_eq!(signed_in.len(), 1024);
        drop((anonymous, signed_in));
        assert!(seats.counts().by_client.is_empty());
    }
}
