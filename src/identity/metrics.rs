//! What identity counts: decisions, what caches saved, what the auth server was asked.
//!
//! No label holds anything of a credential or a caller.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The counters; clones count together.
#[derive(Clone, Default)]
pub(crate) struct IdentityMetrics {
    decisions: Family<DecisionLabels, Counter>,
    caches: Family<CacheLabels, Counter>,
    asked: Family<UpstreamLabels, Counter>,
    revocations: Family<RevocationLabels, Counter>,
}

/// Gives an enum the labels that its values have in metrics and in the log.
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
    /// What was decided of a request.
    Decided {
        Anonymous = "anonymous",
        Accepted = "accepted",
        Refused = "refused",
        CrossSite = "cross_site",
        Unavailable = "unavailable",
    }
    /// Which cache: of verified tokens, or of the auth server's answers.
    CacheName {
        Tokens = "tokens",
        Sessions = "sessions",
    }
    /// Why the auth server is asked.
    Purpose {
        Keys = "keys",
        Sessions = "sessions",
        ApiKeys = "api_keys",
        AccessTokens = "access_tokens",
        Users = "users",
    }
    /// What came of asking. It is not asked where it failed too often just before.
    Outcome {
        Answered = "answered",
        Failed = "failed",
        NotAsked = "not_asked",
    }
    /// What is taken back.
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
    found: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    purpose: Label,
    outcome: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RevocationLabels {
    of: Label,
}

impl IdentityMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "hallpass_identity_decisions",
            "Requests, by what was decided of who is asking",
            self.decisions.clone(),
        );
        registry.register(
            "hallpass_identity_cache_lookups",
            "Credentials looked up in a cache, by whether it knew them",
            self.caches.clone(),
        );
        registry.register(
            "hallpass_auth_server_requests",
            "Requests to the auth server, by purpose and by what came of them",
            self.asked.clone(),
        );
        registry.register(
            "hallpass_revocations",
            "Revocations that arrived, by what they take back",
            self.revocations.clone(),
        );
    }

    pub(crate) fn record_decision(&self, outcome: Decided) {
        self.decisions.get_or_create(&DecisionLabels { outcome: outcome.label() }).inc();
    }

    pub(crate) fn record_cache_lookup(&self, cache: CacheName, known: bool) {
        let found = if known { "hit" } else { "miss" };
        self.caches.get_or_create(&CacheLabels { cache: cache.label(), found }).inc();
    }

    pub(crate) fn record_upstream_request(&self, purpose: Purpose, outcome: Outcome) {
        self.asked
            .get_or_create(&UpstreamLabels { purpose: purpose.label(), outcome: outcome.label() })
            .inc();
    }

    pub(crate) fn record_revocation(&self, of: Revoked) {
        self.revocations.get_or_create(&RevocationLabels { of: of.label() }).inc();
    }
}
