//! Metrics of authentication: decisions, cache hits, auth-server requests, revocations.
//!
//! Labels never contain any part of a credential or a caller.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The counters; clones share them.
#[derive(Clone, Default)]
pub(crate) struct IdentityMetrics {
    decisions: Family<DecisionLabels, Counter>,
    caches: Family<CacheLabels, Counter>,
    upstream: Family<UpstreamLabels, Counter>,
    revocations: Family<RevocationLabels, Counter>,
}

/// Defines enums with the labels of their variants in metrics and in the log.
macro_rules! labels {
    ($($(#[$doc:meta])* $enum:ident { $($value:ident = $label:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $enum {
            $($value,)*
        }

        impl $enum {
            pub(crate) fn label(self) -> &'static str {
                match self {
                    $(Self::$value => $label,)*
                }
            }
        }
    )*};
}

labels! {
    /// The outcome of authenticating a request.
    Decided {
        Anonymous = "anonymous",
        Accepted = "accepted",
        Refused = "rejected",
        CrossSite = "cross_site",
        Unavailable = "unavailable",
    }
    /// Which cache: of verified tokens, or of validated sessions.
    CacheName {
        Tokens = "tokens",
        Sessions = "sessions",
    }
    /// The purpose of a request to the auth server.
    Purpose {
        Keys = "keys",
        Sessions = "sessions",
        ApiKeys = "api_keys",
        AccessTokens = "access_tokens",
        Users = "users",
    }
    /// The outcome of a request. It is not sent while the circuit breaker is open or the queue is full.
    Outcome {
        Answered = "answered",
        Failed = "failed",
        NotSent = "not_sent",
    }
    /// What is revoked.
    Revoked {
        Session = "session",
        Change = "session_change",
        User = "user",
    }
}

type Label = &'static str;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    outcome: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    cache: Label,
    result: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    purpose: Label,
    outcome: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RevocationLabels {
    target: Label,
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
            "hallpass_revocations_received",
            "Revocations received, by target",
            self.revocations.clone(),
        );
    }

    pub(crate) fn record_decision(&self, outcome: Decided) {
        self.decisions.get_or_create(&DecisionLabels { outcome: outcome.label() }).inc();
    }

    pub(crate) fn record_cache_lookup(&self, cache: CacheName, known: bool) {
        let result = if known { "hit" } else { "miss" };
        self.caches.get_or_create(&CacheLabels { cache: cache.label(), result }).inc();
    }

    pub(crate) fn record_upstream_request(&self, purpose: Purpose, outcome: Outcome) {
        self.upstream
            .get_or_create(&UpstreamLabels { purpose: purpose.label(), outcome: outcome.label() })
            .inc();
    }

    pub(crate) fn record_revocation(&self, target: Revoked) {
        self.revocations.get_or_create(&RevocationLabels { target: target.label() }).inc();
    }
}
