//! Prometheus metrics of the audit log. Labels contain no user data.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use strum::{IntoStaticStr, VariantArray};

use crate::batch_writer::ItemCounter;

/// Why an event was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Dropped {
    /// The queue is full.
    Full,
    /// The share of this client is full.
    Share,
    /// The database failed.
    Database,
    /// The server is shutting down.
    Stopped,
}

/// Metrics of the audit log.
pub(crate) struct AuditMetrics {
    pub(crate) events: ItemCounter,
    dropped: ItemCounter,
    pub(crate) waiting: Gauge,
}

impl AuditMetrics {
    pub(crate) fn registered(metrics: &mut Registry) -> Self {
        let events = ("hallpass_audit_events", "Audit events, by outcome");
        // Merged: with an equal event of the same caller.
        let outcomes = ["written", "merged", "dropped"];
        let dropped =
            ("hallpass_audit_events_dropped", "Audit events that were dropped, by reason");
        let reasons = Dropped::VARIANTS.iter().map(|reason| (*reason).into()).collect::<Vec<_>>();
        let audit_metrics = Self {
            events: ItemCounter::registered(metrics, events, "outcome", &outcomes),
            dropped: ItemCounter::registered(metrics, dropped, "reason", &reasons),
            waiting: Gauge::default(),
        };
        metrics.register(
            "hallpass_audit_queue_length",
            "Audit events in the queue when the last batch was written",
            audit_metrics.waiting.clone(),
        );
        audit_metrics
    }

    pub(crate) fn dropped(&self, reason: Dropped, events: usize) {
        self.events.add("dropped", events);
        self.dropped.add(reason.into(), events);
    }
}
