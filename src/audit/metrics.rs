//! Metrics of the audit log. No label has data of a user.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Written,
    /// Counted with an equal line of the same caller.
    Merged,
}

/// Why a line is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Too many lines wait.
    Full,
    /// Too many lines of this caller wait.
    Share,
    /// The database did not take it.
    Database,
    /// The server stops.
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

/// The counters.
pub(crate) struct AuditMetrics {
    events: Family<Labels, Counter>,
    dropped: Family<Reason, Counter>,
    waiting: Gauge,
}

impl AuditMetrics {
    pub(crate) fn registered(metrics: &mut Registry) -> Self {
        let meter = Self {
            events: Family::default(),
            dropped: Family::default(),
            waiting: Gauge::default(),
        };
        metrics.register(
            "hallpass_audit_events",
            "Lines of the audit, by whether they were written down",
            meter.events.clone(),
        );
        metrics.register(
            "hallpass_audit_dropped",
            "Lines of the audit that were dropped, by reason",
            meter.dropped.clone(),
        );
        metrics.register(
            "hallpass_audit_waiting",
            "Lines of the audit that waited when the last batch was written",
            meter.waiting.clone(),
        );
        // From the start, so that the first one that is dropped is a change.
        meter.count(Outcome::Written, 0);
        meter.count(Outcome::Merged, 0);
        Dropped::ALL.into_iter().for_each(|reason| meter.dropped(reason, 0));
        meter
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

    pub(crate) fn wait(&self, events: usize) {
        self.waiting.set(i64::try_from(events).unwrap_or(i64::MAX));
    }
}
