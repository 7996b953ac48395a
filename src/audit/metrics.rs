//! Prometheus metrics of the audit log. Labels contain no user data.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use strum::{IntoStaticStr, VariantArray};

#[derive(Clone, Copy, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Outcome {
    Written,
    /// Merged with an equal event of the same caller.
    Merged,
}

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

/// Name and value of the one label.
type Label = [(&'static str, &'static str); 1];

/// Metrics of the audit log.
pub(crate) struct AuditMetrics {
    events: Family<Label, Counter>,
    dropped: Family<Label, Counter>,
    waiting: Gauge,
}

impl AuditMetrics {
    pub(crate) fn registered(metrics: &mut Registry) -> Self {
        let audit_metrics = Self {
            events: Family::default(),
            dropped: Family::default(),
            waiting: Gauge::default(),
        };
        metrics.register(
            "hallpass_audit_events",
            "Audit events, by outcome",
            audit_metrics.events.clone(),
        );
        metrics.register(
            "hallpass_audit_events_dropped",
            "Audit events that were dropped, by reason",
            audit_metrics.dropped.clone(),
        );
        metrics.register(
            "hallpass_audit_queue_length",
            "Audit events in the queue when the last batch was written",
            audit_metrics.waiting.clone(),
        );
        // Initialized with zero, so that the first drop shows as an increase.
        audit_metrics.count(Outcome::Written, 0);
        audit_metrics.count(Outcome::Merged, 0);
        Dropped::VARIANTS.iter().for_each(|reason| audit_metrics.dropped(*reason, 0));
        audit_metrics
    }

    pub(crate) fn count(&self, outcome: Outcome, events: usize) {
        self.add(outcome.into(), events);
    }

    pub(crate) fn dropped(&self, reason: Dropped, events: usize) {
        self.add("dropped", events);
        self.dropped.get_or_create(&[("reason", reason.into())]).inc_by(events as u64);
    }

    fn add(&self, outcome: &'static str, events: usize) {
        self.events.get_or_create(&[("outcome", outcome)]).inc_by(events as u64);
    }

    pub(crate) fn set_waiting(&self, events: usize) {
        self.waiting.set(i64::try_from(events).unwrap_or(i64::MAX));
    }
}
