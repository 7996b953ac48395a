//! What identity counts: decisions, what caches saved, what the auth server was asked.
//!
//! No label holds anything of a credential or a caller.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The counters; clones count together.
#[derive(Clone, Default)]
pub(super) struct Meter {
    decisions: Family<DecisionLabels, Counter>,
    caches: Family<CacheLabels, Counter>,
    asked: Family<AskedLabels, Counter>,
    revocations: Family<RevocationLabels, Counter>,
}

/// What was decided of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Decided {
    Anonymous,
    Accepted,
    Refused,
    CrossSite,
    Unavailable,
}

/// Which cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum CacheName {
    /// Verified tokens.
    Tokens,
    /// Answers of the auth server.
    Sessions,
}

/// Why the auth server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Purpose {
    Keys,
    Sessions,
    ApiKeys,
    AccessTokens,
    Users,
}

impl Purpose {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Sessions => "sessions",
            Self::ApiKeys => "API keys",
            Self::AccessTokens => "access tokens",
            Self::Users => "users",
        }
    }
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Outcome {
    Answered,
    Failed,
    /// It failed too often just before.
    NotAsked,
}

/// What is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Revoked {
    Session,
    User,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    outcome: Decided,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    cache: CacheName,
    hit: Answered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Answered {
    Yes,
    No,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AskedLabels {
    purpose: Purpose,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RevocationLabels {
    of: Revoked,
}

impl Meter {
    pub(super) fn register(&self, registry: &mut Registry) {
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

    pub(super) fn decided(&self, outcome: Decided) {
        self.decisions.get_or_create(&DecisionLabels { outcome }).inc();
    }

    pub(super) fn looked_up(&self, cache: CacheName, known: bool) {
        let hit = if known { Answered::Yes } else { Answered::No };
        self.caches.get_or_create(&CacheLabels { cache, hit }).inc();
    }

    pub(super) fn asked(&self, purpose: Purpose, outcome: Outcome) {
        self.asked.get_or_create(&AskedLabels { purpose, outcome }).inc();
    }

    pub(super) fn revoked(&self, of: Revoked) {
        self.revocations.get_or_create(&RevocationLabels { of }).inc();
    }
}
