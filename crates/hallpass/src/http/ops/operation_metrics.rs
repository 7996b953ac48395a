//! Metrics of GraphQL operations, by the name that the client gave them.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::code;

/// Names that have series of their own. Clients choose the names, and each series takes memory here and in Prometheus.
const MAX_NAMES: usize = 200;
/// Longer names have none.
pub(super) const MAX_NAME_BYTES: usize = 100;
/// The operation of a name beyond those.
pub(super) const OTHER: &str = "other";
/// An operation without a name.
const UNNAMED: &str = "unnamed";
/// The outcome of an operation without errors.
const NO_ERROR: &str = "OK";
/// The code of an error of the application.
const OTHER_CODE: &str = "OTHER";

/// A name as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Name(Arc<str>);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&&*self.0, encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: Name,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: Name,
}

/// The metrics of operations.
pub(crate) struct OperationMetrics {
    operations: Family<Labels, Counter>,
    duration_seconds: Family<OperationLabel, Histogram>,
    cost: Histogram,
    subscriptions: Gauge,
    events: Counter,
    names: RwLock<HashSet<Arc<str>>>,
}

/// A running subscription, until it is dropped.
pub(crate) struct CountedSubscription {
    running: Gauge,
    events: Counter,
}

impl CountedSubscription {
    /// Counts an event that is sent to the client.
    pub(crate) fn event(&self) {
        self.events.inc();
    }
}

impl Drop for CountedSubscription {
    fn drop(&mut self) {
        self.running.dec();
    }
}

impl OperationMetrics {
    pub(crate) fn registered(registry: &mut Registry) -> Self {
        // From half a millisecond to about eight seconds.
        let duration: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0005, 4.0, 8));
        let metrics = Self {
            operations: Family::default(),
            duration_seconds: Family::new_with_constructor(duration),
            cost: Histogram::new(exponential_buckets(1.0, 4.0, 7)),
            subscriptions: Gauge::default(),
            events: Counter::default(),
            names: RwLock::default(),
        };
        registry.register(
            "hallpass_graphql_operations",
            "GraphQL operations, by name and code of the first error",
            metrics.operations.clone(),
        );
        registry.register(
            "hallpass_graphql_operation_duration_seconds",
            "Time from a GraphQL request to its response, by name of the operation; without subscriptions",
            metrics.duration_seconds.clone(),
        );
        registry.register(
            "hallpass_graphql_operation_cost",
            "Query cost of GraphQL operations, in points",
            metrics.cost.clone(),
        );
        let help = "Running subscriptions";
        registry.register("hallpass_subscriptions", help, metrics.subscriptions.clone());
        registry.register(
            "hallpass_subscription_events",
            "Events sent to the clients of subscriptions",
            metrics.events.clone(),
        );
        metrics
    }

    /// Counts a subscription as running.
    pub(crate) fn subscribed(&self) -> CountedSubscription {
        self.subscriptions.inc();
        CountedSubscription { running: self.subscriptions.clone(), events: self.events.clone() }
    }

    /// Records an operation, `name`, which took this long unless it is a subscription, and failed with `code`.
    pub(crate) fn record(
        &self,
        name: Option<&str>,
        code: Option<&str>,
        took: Option<Duration>,
        cost: Option<u64>,
    ) {
        let operation = Name(self.label(name));
        let code = code.map_or(NO_ERROR, known_code);
        if let Some(took) = took {
            let labels = OperationLabel { operation: operation.clone() };
            self.duration_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        }
        if let Some(cost) = cost {
            self.cost.observe(f64::from(u32::try_from(cost).unwrap_or(u32::MAX)));
        }
        self.operations.get_or_create(&Labels { operation, code }).inc();
    }

    fn label(&self, name: Option<&str>) -> Arc<str> {
        let Some(name) = name else { return UNNAMED.into() };
        if name.len() > MAX_NAME_BYTES || name == OTHER {
            return OTHER.into();
        }
        {
            let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
            match names.get(name) {
                Some(known) => return Arc::clone(known),
                None if names.len() >= MAX_NAMES => return OTHER.into(),
                None => {}
            }
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES && !names.contains(name) {
            return OTHER.into();
        }
        let label: Arc<str> = name.into();
        names.insert(Arc::clone(&label));
        label
    }
}

/// The code as a label: applications may have codes of any number.
fn known_code(code: &str) -> &'static str {
    code::ALL.into_iter().find(|known| *known == code).unwrap_or(OTHER_CODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_bounded() {
        let metrics = OperationMetrics::registered(&mut Registry::default());
        for number in 0..1_000 {
            let (name, code) = (format!("Q{number}"), format!("CODE_{number}"));
            metrics.record(Some(&name), Some(&code), None, None);
        }
        metrics.record(Some(&"long".repeat(MAX_NAME_BYTES)), None, None, None);
        metrics.record(None, None, None, None);
        metrics.record(Some("Q7"), Some(code::FORBIDDEN), None, None);
        let of = |operation: &str, code| {
            let labels = Labels { operation: Name(operation.into()), code };
            metrics.operations.get_or_create(&labels).get()
        };
        assert_eq!(of("other", "OTHER"), 800);
        assert_eq!(of("other", "OK"), 1);
        assert_eq!(of("Q199", "OTHER"), 1);
        assert_eq!(of("Q200", "OTHER"), 0);
        assert_eq!((of("unnamed", "OK"), of("Q7", "FORBIDDEN")), (1, 1));
    }
}
