//! Whether this node receives the messages of the others, as a metric.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The subscriptions of a bus.
#[derive(Default)]
pub(super) struct BusStatus {
    /// 1 while all of them are connected.
    is_connected: Gauge,
    disconnected: Mutex<BTreeSet<&'static str>>,
}

impl BusStatus {
    /// Registers the metric.
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "1 if this node receives the messages of the others";
        registry.register("hallpass_bus_connected", help, self.is_connected.clone());
    }

    /// The subscription of `topic` is connected.
    pub(super) fn connected(&self, topic: &'static str) {
        self.update(|disconnected| disconnected.remove(topic));
    }

    /// The subscription of `topic` is not connected.
    pub(super) fn disconnected(&self, topic: &'static str) {
        self.update(|disconnected| disconnected.insert(topic));
    }

    fn update(&self, change: impl FnOnce(&mut BTreeSet<&'static str>) -> bool) {
        let mut disconnected = self.disconnected.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut disconnected);
        self.is_connected.set(disconnected.is_empty().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bus_is_connected_with_all_topics() {
        let status = BusStatus::default();
        let is_connected = || status.is_connected.get();
        assert_eq!(is_connected(), 0, "before the first subscription");
        status.disconnected("a");
        status.connected("a");
        assert_eq!(is_connected(), 1);
        status.disconnected("a");
        status.disconnected("b");
        status.connected("b");
        assert_eq!(is_connected(), 0, "one is left");
        status.connected("a");
        assert_eq!(is_connected(), 1);
    }
}
