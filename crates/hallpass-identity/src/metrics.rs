//! Metrics of authentication: decisions, cache hits, auth-server requests, revocations.
//!
//! Labels never contain any part of a credential or a caller.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use strum::IntoStaticStr;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Decided {
    Anonymous,
    Accepted,
    Rejected,
    CrossSite,
    UnknownKey,
    Unavailable,
}

/// Which cache: of verified tokens, or of validated sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum CacheName {
    Tokens,
    Sessions,
}

/// The purpose of a request to the auth server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Purpose {
    Keys,
    Sessions,
    ApiKeys,
    AccessTokens,
    Users,
}

/// The outcome of a request. It is not sent while the circuit breaker is open or the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Outcome {
    Answered,
    Failed,
    NotSent,
}

/// What is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Revoked {
    Session,
    SessionChange,
    User,
}

impl IdentityMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
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

    pub(crate) fn record_decision(&self, outcome: Decided) {
        self.decisions.get_or_create(&[("outcome", outcome.into())]).inc();
    }

    pub(crate) fn record_cache_lookup(&self, cache: CacheName, known: bool) {
        let result = if known { "hit" } else { "miss" };
        self.caches.get_or_create(&[("cache", cache.into()), ("result", result)]).inc();
    }

    pub(crate) fn record_upstream_request(&self, purpose: Purpose, outcome: Outcome) {
        let labels = [("purpose", purpose.into()), ("outcome", outcome.into())];
        self.upstream.get_or_create(&labels).inc();
    }

    pub(crate) fn observe_upstream(&self, purpose: Purpose, took: Duration) {
        let labels = [("purpose", purpose.into())];
        self.upstream_seconds.0.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn record_revocation(&self, target: Revoked) {
        self.revocations.get_or_create(&[("target", target.into())]).inc();
    }
}
