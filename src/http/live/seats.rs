//! How many sockets and streams there are, and whose: each holds a connection for as long as it likes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::http::answer::Rejection;

/// Half of the connections: the others are for requests that end.
const MOST: usize = 2048;
/// Of one address, behind which may be a whole office.
const MOST_OF_ONE: usize = 256;

/// The seats of those who stay.
#[derive(Clone)]
pub(in crate::http) struct Seats {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    all: Gauge,
}

/// Somebody's seat, free again when dropped.
pub(in crate::http) struct Seat {
    seats: Seats,
    address: IpAddr,
}

impl Seats {
    /// None is taken, and `registry` shows how many are.
    pub(in crate::http) fn registered(registry: &mut Registry) -> Self {
        let seats = Self { taken: Arc::default(), all: Gauge::default() };
        let help = "WebSockets and event streams that are open";
        registry.register("hallpass_live_connections", help, seats.all.clone());
        seats
    }

    /// A seat for a client at `address`.
    pub(in crate::http) fn take(&self, address: IpAddr) -> Result<Seat, Rejection> {
        let mut taken = self.taken();
        if taken.values().sum::<usize>() >= MOST {
            return Err(Rejection::crowded("There are too many live connections: try again soon."));
        }
        let own = taken.entry(address).or_default();
        if *own >= MOST_OF_ONE {
            let message = "There are too many live connections from your address: close some.";
            return Err(Rejection::crowded(message));
        }
        *own += 1;
        self.all.inc();
        Ok(Seat { seats: self.clone(), address })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.all.dec();
        let mut taken = self.seats.taken();
        if let Some(own) = taken.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.address);
            }
        }
    }
}
