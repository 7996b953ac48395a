//! Bulkhead for auth-server requests: limits concurrency in total and per client address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Concurrent requests per endpoint. A Node process handles one at a time; more only queue there.
const MAX_CONCURRENT: usize = 32;
/// Of these, for one address: a client with a thousand nonexistent sessions leaves half to others.
const MAX_CONCURRENT_PER_CLIENT: usize = 16;
/// How many addresses are tracked, and for how long each after its last request.
const MAX_TRACKED_CLIENTS: u64 = 10_000;
const CLIENT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Limits the concurrent requests of one endpoint.
pub(crate) struct Bulkhead {
    total: Arc<Semaphore>,
    per_client: Cache<IpAddr, Arc<Semaphore>>,
}

/// A slot for one request, released on drop.
pub(crate) struct Permit {
    _total: OwnedSemaphorePermit,
    _per_client: Option<OwnedSemaphorePermit>,
}

impl Bulkhead {
    pub(crate) fn new() -> Self {
        let per_client = Cache::builder()
            .max_capacity(MAX_TRACKED_CLIENTS)
            .time_to_idle(CLIENT_IDLE_TIMEOUT)
            .build();
        Self { total: Arc::new(Semaphore::new(MAX_CONCURRENT)), per_client }
    }

    /// Waits for a slot, on behalf of the end user at `address`, if any. None once the bulkhead is closed.
    pub(crate) async fn acquire(&self, address: Option<IpAddr>) -> Option<Permit> {
        let per_client = match address {
            None => None,
            Some(address) => {
                let new = || Arc::new(Semaphore::new(MAX_CONCURRENT_PER_CLIENT));
                Some(self.per_client.get_with(network(address), new).acquire_owned().await.ok()?)
            }
        };
        let total = Arc::clone(&self.total).acquire_owned().await.ok()?;
        Some(Permit { _total: total, _per_client: per_client })
    }
}

/// The network that is treated as one client: an IPv6 client controls its whole /64 (RFC 6177).
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
