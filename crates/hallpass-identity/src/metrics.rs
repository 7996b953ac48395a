//! Metrics of authentication: decisions, cache hits, auth-server requests, revocations.
//!
//! Labels never contain any part of a credential or a caller.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use strum::{IntoStaticStr, VariantArray};

/// The counters; clones share them.
#[derive(Clone, Default)]
pub(crate) struct IdentityMetrics {
    decisions: Family<Labels<1>, Counter>,
    caches: Family<Labels<2>, Counter>,
    upstream: Family<Labels<2>, Counter>,
    upstream_seconds: UpstreamSeconds,
    revocations: Family<Labels<1>, Counter>,
}

/// Names and values of a metric's labels.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The duration of requests to the auth server.
#[derive(Clone)]
struct UpstreamSeconds(Family<Labels<1>, Histogram>);

impl Default for UpstreamSeconds {
    fn default() -> Self {
        // From a millisecond to about eight seconds.
        Self(Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 14))))
    }
}

/// The outcome of authenticating a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Decided {
    Anonymous,
    Accepted,
    Rejected,
    CrossSite,
    UnknownKey,
    /// The client has sent too many credentials that were rejected: this one is not verified.
    Refused,
    Unavailable,
}

/// Which cache: of verified tokens, or of validated sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum CacheName {
    Tokens,
    Sessions,
}

/// The purpose of a request to the auth server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Purpose {
    Keys,
    Sessions,
    ApiKeys,
    AccessTokens,
    Users,
}

/// The outcome of a request. It is not sent while the circuit breaker is open or the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Outcome {
    Answered,
    Failed,
    NotSent,
}

/// What is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Revoked {
    Session,
    SessionChange,
    User,
}

impl IdentityMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.create_series();
        registry.register(
            "hallpass_authentications",
            "Requests, by authentication outcome",
            self.decisions.clone(),
        );
        registry.register(
            "hallpass_auth_cache_lookups",
            "Cache lookups for credentials, by hit or miss",
            self.caches.clone(),
        );
        registry.register(
            "hallpass_auth_server_requests",
            "Requests to the auth server, by purpose and outcome",
            self.upstream.clone(),
        );
        registry.register(
            "hallpass_auth_server_request_duration_seconds",
            "Time of requests to the auth server, with the wait for a permit, by purpose",
            self.upstream_seconds.0.clone(),
        );
        registry.register(
            "hallpass_revocations_received",
            "Revocations received, by target",
            self.revocations.clone(),
        );
    }

    /// Creates the series of every value of the labels, so that the first event shows as an increase.
    fn create_series(&self) {
        Decided::VARIANTS.iter().for_each(|outcome| self.count_decisions(*outcome, 0));
        for cache in CacheName::VARIANTS {
            [true, false].into_iter().for_each(|known| self.count_lookups(*cache, known, 0));
        }
        for purpose in Purpose::VARIANTS {
            Outcome::VARIANTS.iter().for_each(|outcome| self.count_requests(*purpose, *outcome, 0));
            drop(self.upstream_seconds.0.get_or_create(&[("purpose", purpose.into())]));
        }
        Revoked::VARIANTS.iter().for_each(|target| self.count_revocations(*target, 0));
    }

    fn count_decisions(&self, outcome: Decided, count: u64) {
        self.decisions.get_or_create(&[("outcome", outcome.into())]).inc_by(count);
    }

    fn count_lookups(&self, cache: CacheName, known: bool, count: u64) {
        let result = if known { "hit" } else { "miss" };
        let labels = [("cache", cache.into()), ("result", result)];
        self.caches.get_or_create(&labels).inc_by(count);
    }

    fn count_requests(&self, purpose: Purpose, outcome: Outcome, count: u64) {
        let labels = [("purpose", purpose.into()), ("outcome", outcome.into())];
        self.upstream.get_or_create(&labels).inc_by(count);
    }

    fn count_revocations(&self, target: Revoked, count: u64) {
        self.revocations.get_or_create(&[("target", target.into())]).inc_by(count);
    }

    pub(crate) fn record_decision(&self, outcome: Decided) {
        self.count_decisions(outcome, 1);
    }

    pub(crate) fn record_cache_lookup(&self, cache: CacheName, known: bool) {
        self.count_lookups(cache, known, 1);
    }

    pub(crate) fn record_upstream_request(&self, purpose: Purpose, outcome: Outcome) {
        self.count_requests(purpose, outcome, 1);
    }

    pub(crate) fn observe_upstream(&self, purpose: Purpose, took: Duration) {
        let labels = [("purpose", purpose.into())];
        self.upstream_seconds.0.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn record_revocation(&self, target: Revoked) {
        self.count_revocations(target, 1);
    }
}
