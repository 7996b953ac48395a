//! Prometheus metrics of the audit log. Labels contain no user data.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Written,
    /// Merged with an equal event of the same caller.
    Merged,
}

/// Why an event was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Dropped {
    const ALL: [Self; 4] = [Self::Full, Self::Share, Self::Database, Self::Stopped];

    fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Share => "share",
            Self::Database => "database",
            Self::Stopped => "stopped",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Metrics of the audit log.
pub(crate) struct AuditMetrics {
    events: Family<Labels, Counter>,
    dropped: Family<Reason, Counter>,
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
        Dropped::ALL.into_iter().for_each(|reason| audit_metrics.dropped(reason, 0));
        audit_metrics
    }

    pub(crate) fn count(&self, outcome: Outcome, events: usize) {
        let outcome = match outcome {
            Outcome::Written => "written",
            Outcome::Merged => "merged",
        };
        self.add(outcome, events);
    }

    pub(crate) fn dropped(&self, reason: Dropped, events: usize) {
        self.add("dropped", events);
        let reason = reason.name();
        self.dropped.get_or_create(&Reason { reason }).inc_by(events as u64);
    }

    fn add(&self, outcome: &'static str, events: usize) {
        self.events.get_or_create(&Labels { outcome }).inc_by(events as u64);
    }

    pub(crate) fn set_waiting(&self, events: usize) {
        self.waiting.set(i64::try_from(events).unwrap_or(i64::MAX));
    }
}
