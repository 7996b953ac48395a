//! Bulkhead for auth-server requests: limits concurrency in total and per client address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests under way for one purpose. A Node process does one at a time; more only wait there.
const MAX_CONCURRENT: usize = 32;
/// Of these, for one address: a client that asks about a thousand made-up sessions leaves others their half.
const MAX_CONCURRENT_PER_CLIENT: usize = 16;
/// How many addresses are told apart at a time, and for how long each after it last asked.
const MAX_TRACKED_CLIENTS: u64 = 10_000;
const CLIENT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The turns of one purpose.
pub(crate) struct Bulkhead {
    all: Arc<Semaphore>,
    each: Cache<IpAddr, Arc<Semaphore>>,
}

/// A turn, until it is dropped.
pub(crate) struct Permit {
    _of_all: OwnedSemaphorePermit,
    _of_each: Option<OwnedSemaphorePermit>,
}

impl Bulkhead {
    pub(crate) fn new() -> Self {
        let each = Cache::builder()
            .max_capacity(MAX_TRACKED_CLIENTS)
            .time_to_idle(CLIENT_IDLE_TIMEOUT)
            .build();
        Self { all: Arc::new(Semaphore::new(MAX_CONCURRENT)), each }
    }

    /// Waits for a turn on behalf of an end user at `address`, where there is one. None once no request is
    /// to ask any more.
    pub(crate) async fn acquire(&self, address: Option<IpAddr>) -> Option<Permit> {
        let of_each = match address {
            None => None,
            Some(address) => {
                let new = || Arc::new(Semaphore::new(MAX_CONCURRENT_PER_CLIENT));
                Some(self.each.get_with(network(address), new).acquire_owned().await.ok()?)
            }
        };
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Permit { _of_all: of_all, _of_each: of_each })
    }
}

/// The network that counts as one client: a client with one IPv6 address has its whole /64 (RFC 6177).
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let upper = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(upper))
        }
        address => address,
    }
}
