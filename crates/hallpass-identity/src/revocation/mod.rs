//! Revocations: sessions, API keys and memberships, and all credentials that a user got before a time.
//!
//! A revocation overrides caches and signatures. Revocations are bounded in time, not in number: each is
//! kept for longer than the credentials that it revokes can live.

pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod webhook;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_types::{TenantId, Timestamp, now};
use tokio::sync::watch;

use super::auth_server::user_state::UserState;
use super::caller::{AuthMethod, Caller};
use super::metrics::{IdentityMetrics, Revoked};

/// How long a revocation is kept: by then the tokens of the user have expired. Better Auth's live
/// ten hours at most by default, and the longest in common use a week.
pub const RETENTION: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One session, by its id.
    Session(String),
    /// One session or API key, by its id, that stays valid but changed: it is validated again.
    Changed(String),
    /// All credentials that a user got up to now: sessions are validated again, tokens are rejected.
    User(String),
    /// A user's membership: the user, the organization, and whether they are a member now.
    Member(String, String, bool),
    /// A deleted organization.
    Organization(String),
    /// The same as `User`, with the user's state now: signed tokens that agree with it stay valid.
    UserIn(String, UserState),
}

/// One revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What is revoked.
    pub target: Target,
    /// When, by the clock of the auth server, which also sets `iat`; whole seconds.
    pub at: Timestamp,
}

/// The revocations in force.
pub struct RevocationSet {
    held: RwLock<Revocations>,
    changes: watch::Sender<()>,
    metrics: IdentityMetrics,
}

#[derive(Default)]
struct Revocations {
    sessions: HashMap<String, RevokedAt>,
    changed: HashMap<String, RevokedAt>,
    users: HashMap<String, RevokedAt>,
    states: HashMap<String, (RevokedAt, UserState)>,
    members: HashMap<(String, String), (RevokedAt, bool)>,
    /// When a membership of a user changed last.
    memberships: HashMap<String, RevokedAt>,
    organizations: HashMap<String, RevokedAt>,
}

#[derive(Clone, Copy)]
struct RevokedAt {
    /// By the clock of the auth server.
    at: Timestamp,
    /// By this server's clock.
    received_at: Timestamp,
}

impl RevocationSet {
    pub(super) fn new(metrics: IdentityMetrics) -> Self {
        Self { held: RwLock::default(), changes: watch::Sender::default(), metrics }
    }

    /// Applies a revocation. Idempotent and independent of the order; duplicates are counted once.
    pub fn apply(&self, revocation: Revocation) {
        let revoked = RevokedAt { at: revocation.at, received_at: now() };
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let (of, is_new) = match revocation.target {
            Target::Session(id) => (Revoked::Session, record(&mut held.sessions, id, revoked)),
            Target::Changed(id) => (Revoked::SessionChange, record(&mut held.changed, id, revoked)),
            Target::User(id) => (Revoked::User, record(&mut held.users, id, revoked)),
            Target::Member(user, organization, is_member) => {
                record(&mut held.memberships, user.clone(), revoked);
                let key = (user, organization);
                let last = held.members.get(&key).map(|(last, _)| *last);
                let (kept, known) = held.members.entry(key).or_insert((revoked, is_member));
                // An older message that arrives late does not describe the current state.
                if kept.at <= revoked.at {
                    *known = is_member;
                }
                kept.merge(revoked);
                (Revoked::SessionChange, last.is_none_or(|last| last.at < revoked.at))
            }
            Target::Organization(id) => {
                (Revoked::SessionChange, record(&mut held.organizations, id, revoked))
            }
            Target::UserIn(id, state) => {
                let last = held.states.get(&id).map(|(last, _)| *last);
                let (kept, known) = held.states.entry(id).or_insert((revoked, state.clone()));
                // An older message that arrives late does not describe the current state.
                if kept.at <= revoked.at {
                    *known = state;
                }
                kept.merge(revoked);
                (Revoked::User, last.is_none_or(|last| last.at < revoked.at))
            }
        };
        drop(held);
        if is_new {
            self.metrics.record_revocation(of);
        }
        self.changes.send_replace(());
    }

    /// Removes revocations without effect.
    pub fn prune(&self) {
        let oldest = now() - TimeDelta::from_std(RETENTION).unwrap_or(TimeDelta::MAX);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.sessions.retain(|_, revoked| revoked.received_at > oldest);
        held.changed.retain(|_, revoked| revoked.received_at > oldest);
        held.users.retain(|_, revoked| revoked.received_at > oldest);
        held.states.retain(|_, (revoked, _)| revoked.received_at > oldest);
        held.members.retain(|_, (revoked, _)| revoked.received_at > oldest);
        held.memberships.retain(|_, revoked| revoked.received_at > oldest);
        held.organizations.retain(|_, revoked| revoked.received_at > oldest);
    }

    /// The number of revocations.
    #[must_use]
    pub fn count(&self) -> usize {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.sessions.len()
            + held.changed.len()
            + held.users.len()
            + held.states.len()
            + held.members.len()
            + held.organizations.len()
    }

    /// The caller, without the active organization and the tenant if they are no longer a member. Better Auth keeps
    /// it in the session until the session ends.
    pub(super) fn without_lost_membership(&self, caller: Arc<Caller>) -> Arc<Caller> {
        let tenant = caller.tenant().map(TenantId::as_str);
        if caller.organization_id().is_none() && tenant.is_none() {
            return caller;
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let has_left = |organization: &str| {
            let key = (caller.id().as_str().to_owned(), organization.to_owned());
            held.organizations.contains_key(organization)
                || held.members.get(&key).is_some_and(|(_, is_member)| !is_member)
        };
        match caller.organization_id().into_iter().chain(tenant).any(has_left) {
            true => Arc::new((*caller).clone().without_organizations(has_left)),
            false => caller,
        }
    }

    /// Waits until `caller` is revoked.
    pub(super) async fn wait_until_revoked(&self, caller: &Caller) {
        let mut changes = self.changes.subscribe();
        while !self.applies_to(caller) {
            // Fails only when the sender is dropped, and `self` owns it.
            let _ = changes.changed().await;
        }
    }

    /// Whether a revocation applies to `caller`: it was confirmed before.
    pub(super) fn applies_to(&self, caller: &Caller) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let session = caller.session_id();
        let ended = session.and_then(|id| held.sessions.get(id));
        let changed = session.and_then(|id| held.changed.get(id));
        let user = held.users.get(caller.id().as_str());
        let state = held.states.get(caller.id().as_str());
        let outdated = |(_, state): &&(RevokedAt, UserState)| {
            can_be_validated_again(caller) || !state.agrees_with(caller)
        };
        let state = state.filter(outdated).map(|(revoked, _)| revoked);
        // The session may include the role in the organization (customSession).
        let membership = held.memberships.get(caller.id().as_str());
        let changed = changed.into_iter().chain(membership);
        let changed = changed.filter(|_| can_be_validated_again(caller));
        let revoked = ended.into_iter().chain(changed).chain(user).chain(state);
        revoked.into_iter().any(|revoked| revoked.applies_to(caller))
    }
}

/// Whether the credential can be validated at the auth server: then a change costs one request and
/// rejects nothing. A signed token stays as it is until it expires.
fn can_be_validated_again(caller: &Caller) -> bool {
    match caller.via() {
        AuthMethod::SessionCookie
        | AuthMethod::SessionToken
        | AuthMethod::CookieCache
        | AuthMethod::ApiKey => true,
        AuthMethod::Jwt
        | AuthMethod::SharedSecret
        | AuthMethod::AccessToken
        | AuthMethod::IdToken => caller.proof().was_validated,
    }
}

/// Records the revocation of `id`, and returns whether it is new.
fn record(held: &mut HashMap<String, RevokedAt>, id: String, revoked: RevokedAt) -> bool {
    let last = held.get(&id).copied();
    held.entry(id).or_insert(revoked).merge(revoked);
    last.is_none_or(|last| last.at < revoked.at)
}

impl RevokedAt {
    fn merge(&mut self, other: Self) {
        self.at = self.at.max(other.at);
        self.received_at = self.received_at.max(other.received_at);
    }

    /// Tokens are dated by the auth server, in whole seconds; validated credentials, by this server.
    fn applies_to(self, caller: &Caller) -> bool {
        let proof = caller.proof();
        if proof.was_validated {
            return proof.confirmed_at <= self.received_at;
        }
        proof.confirmed_at.timestamp() <= self.at.timestamp()
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn message_read_twice_is_counted_once() {
        let mut registry = Registry::default();
        let metrics = IdentityMetrics::default();
        metrics.register(&mut registry);
        let revocations = RevocationSet::new(metrics);
        let at = now();
        let counted = |of: &str| {
            let mut output = String::new();
            text::encode(&mut output, &registry).unwrap();
            let label = format!("\"{of}\"}} ");
            let line = output.lines().find(|line| {
                line.starts_with("hallpass_revocations_received_total") && line.contains(&label)
            });
            line.map(|line| line.rsplit(' ').next().unwrap().to_owned())
        };
        for _ in 0..3 {
            revocations.apply(Revocation { target: Target::User("a".to_owned()), at });
            revocations.apply(Revocation { target: Target::Session("a".to_owned()), at });
        }
        assert_eq!(counted("user").as_deref(), Some("1"));
        assert_eq!(counted("session").as_deref(), Some("1"));
        let later = at + TimeDelta::seconds(1);
        revocations.apply(Revocation { target: Target::User("a".to_owned()), at: later });
        assert_eq!(counted("user").as_deref(), Some("2"), "another message");
    }
}
