//! What the audit counts. No label holds anything of anybody.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Copy)]
pub(super) enum Outcome {
    Written,
    Dropped,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

/// The counters.
pub(super) struct Meter {
    events: Family<Labels, Counter>,
    waiting: Gauge,
}

impl Meter {
    pub(super) fn registered(metrics: &mut Registry) -> Self {
        let meter = Self { events: Family::default(), waiting: Gauge::default() };
        metrics.register(
            "hallpass_audit_events",
            "Lines of the audit, by whether they were written down",
            meter.events.clone(),
        );
        metrics.register(
            "hallpass_audit_waiting",
            "Lines of the audit that waited when the last batch was written",
            meter.waiting.clone(),
        );
        // From the start, so that the first one that is dropped is a change.
        meter.count(Outcome::Written, 0);
        meter.count(Outcome::Dropped, 0);
        meter
    }

    pub(super) fn count(&self, outcome: Outcome, events: usize) {
        let outcome = match outcome {
            Outcome::Written => "written",
            Outcome::Dropped => "dropped",
        };
        self.events.get_or_create(&Labels { outcome }).inc_by(events as u64);
    }

    pub(super) fn wait(&self, events: usize) {
        self.waiting.set(i64::try_from(events).unwrap_or(i64::MAX));
    }
}
