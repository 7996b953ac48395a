//! What was taken back before its time: sessions, and everything that a user was given before now.
//!
//! What is held here overrules what caches and signatures say. It is bounded in time, not in number:
//! what was taken back stays so for longer than what it takes back can live.

pub(crate) mod envelope;
pub(crate) mod webhook;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_entity::{Timestamp, now};
use tokio::sync::watch;

use super::auth_server::user_state::UserState;
use super::caller::{AuthMethod, Caller};
use super::metrics::{IdentityMetrics, Revoked};

/// How long a revocation is kept: by then the tokens of the user have expired. Better Auth's live
/// ten hours at most unless told otherwise, and the longest in use elsewhere a week.
pub const RETENTION: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// What is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One session, by its id.
    Session(String),
    /// One session or API key, by its id, goes on and says something else now: it is validated again.
    Changed(String),
    /// Whatever a user was given up to now: sessions are asked about again, tokens count no more.
    User(String),
    /// A user's membership: this user, that organization, and whether they are a member now.
    Member(String, String, bool),
    /// An organization that was deleted, and has no members any more.
    Organization(String),
    /// The same of a user who is in this state now: signed tokens that agree with it stay good.
    UserIn(String, UserState),
}

/// That something is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What.
    pub target: Target,
    /// When, by the clock of the auth server, which dates its tokens by it; whole seconds.
    pub at: Timestamp,
}

/// What was taken back.
pub struct RevocationSet {
    held: RwLock<RevokedAt>,
    news: watch::Sender<()>,
    meter: IdentityMetrics,
}

#[derive(Default)]
struct RevokedAt {
    sessions: HashMap<String, RevokedCredentials>,
    changed: HashMap<String, RevokedCredentials>,
    users: HashMap<String, RevokedCredentials>,
    states: HashMap<String, (RevokedCredentials, UserState)>,
    members: HashMap<(String, String), (RevokedCredentials, bool)>,
    /// When memberships of a user changed last.
    memberships: HashMap<String, RevokedCredentials>,
    organizations: HashMap<String, RevokedCredentials>,
}

#[derive(Clone, Copy)]
struct RevokedCredentials {
    /// By the clock of the auth server.
    at: Timestamp,
    /// By ours.
    heard: Timestamp,
}

impl RevocationSet {
    pub(super) fn new(meter: IdentityMetrics) -> Self {
        Self { held: RwLock::default(), news: watch::Sender::default(), meter }
    }

    /// Takes back. Hearing it twice, or out of order, changes nothing, and is counted once.
    pub fn apply(&self, revocation: Revocation) {
        let taken = RevokedCredentials { at: revocation.at, heard: now() };
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let (of, is_news) = match revocation.target {
            Target::Session(id) => (Revoked::Session, take(&mut held.sessions, id, taken)),
            Target::Changed(id) => (Revoked::Change, take(&mut held.changed, id, taken)),
            Target::User(id) => (Revoked::User, take(&mut held.users, id, taken)),
            Target::Member(user, organization, is_member) => {
                take(&mut held.memberships, user.clone(), taken);
                let key = (user, organization);
                let last = held.members.get(&key).map(|(last, _)| *last);
                let (kept, known) = held.members.entry(key).or_insert((taken, is_member));
                // An older message that arrives late says nothing of how it is now.
                if kept.at <= taken.at {
                    *known = is_member;
                }
                kept.merge(taken);
                (Revoked::Change, last.is_none_or(|last| last.at < taken.at))
            }
            Target::Organization(id) => (Revoked::Change, take(&mut held.organizations, id, taken)),
            Target::UserIn(id, state) => {
                let last = held.states.get(&id).map(|(last, _)| *last);
                let (kept, known) = held.states.entry(id).or_insert((taken, state.clone()));
                // An older message that arrives late says nothing of the user as they are now.
                if kept.at <= taken.at {
                    *known = state;
                }
                kept.merge(taken);
                (Revoked::User, last.is_none_or(|last| last.at < taken.at))
            }
        };
        drop(held);
        if is_news {
            self.meter.record_revocation(of);
        }
        self.news.send_replace(());
    }

    /// Forgets what has no effect any more.
    pub fn prune(&self) {
        let oldest = now() - TimeDelta::from_std(RETENTION).unwrap_or(TimeDelta::MAX);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.sessions.retain(|_, taken| taken.heard > oldest);
        held.changed.retain(|_, taken| taken.heard > oldest);
        held.users.retain(|_, taken| taken.heard > oldest);
        held.states.retain(|_, (taken, _)| taken.heard > oldest);
        held.members.retain(|_, (taken, _)| taken.heard > oldest);
        held.memberships.retain(|_, taken| taken.heard > oldest);
        held.organizations.retain(|_, taken| taken.heard > oldest);
    }

    /// How many there are.
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

    /// The caller, without the organization that the credential names where they are a member of it no more.
    /// Better Auth goes on naming it for as long as the session lives.
    pub(super) fn without_lost_membership(&self, caller: Arc<Caller>) -> Arc<Caller> {
        let Some(organization) = caller.organization_id() else { return caller };
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let key = (caller.id().as_str().to_owned(), organization.to_owned());
        let has_left = held.organizations.contains_key(organization)
            || held.members.get(&key).is_some_and(|(_, is_member)| !is_member);
        if has_left { Arc::new((*caller).clone().without_organization()) } else { caller }
    }

    /// Waits until `caller` is taken back.
    pub(super) async fn wait_until_revoked(&self, caller: &Caller) {
        let mut news = self.news.subscribe();
        while !self.applies_to(caller) {
            // Ends only with this, which is here.
            let _ = news.changed().await;
        }
    }

    /// Whether `caller` was confirmed before being taken back.
    pub(super) fn applies_to(&self, caller: &Caller) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let session = caller.session_id();
        let revoked = session.and_then(|id| held.sessions.get(id));
        let changed = session.and_then(|id| held.changed.get(id));
        let user = held.users.get(caller.id().as_str());
        let state = held.states.get(caller.id().as_str());
        let outdated = |(_, state): &&(RevokedCredentials, UserState)| {
            can_be_validated_again(caller) || !state.agrees_with(caller)
        };
        let state = state.filter(outdated).map(|(taken, _)| taken);
        // The session may state the role in the organization (customSession).
        let membership = held.memberships.get(caller.id().as_str());
        let changed = changed.into_iter().chain(membership);
        let changed = changed.filter(|_| can_be_validated_again(caller));
        let taken = revoked.into_iter().chain(changed).chain(user).chain(state);
        taken.into_iter().any(|taken| taken.covers(caller))
    }
}

/// Whether the auth server can be asked about the credential itself: then what changed costs one question
/// and refuses nothing. A signed token says what it says until it expires.
fn can_be_validated_again(caller: &Caller) -> bool {
    match caller.via() {
        AuthMethod::SessionCookie
        | AuthMethod::SessionToken
        | AuthMethod::CookieCache
        | AuthMethod::ApiKey => true,
        AuthMethod::Jwt
        | AuthMethod::SharedSecret
        | AuthMethod::AccessToken
        | AuthMethod::IdToken => caller.proof().was_asked,
    }
}

/// Remembers that `id` was taken back, and returns whether that was not known yet.
fn take(
    held: &mut HashMap<String, RevokedCredentials>,
    id: String,
    taken: RevokedCredentials,
) -> bool {
    let last = held.get(&id).copied();
    held.entry(id).or_insert(taken).merge(taken);
    last.is_none_or(|last| last.at < taken.at)
}

impl RevokedCredentials {
    fn merge(&mut self, other: Self) {
        self.at = self.at.max(other.at);
        self.heard = self.heard.max(other.heard);
    }

    /// Tokens are dated by the auth server, in whole seconds; what it was asked about, by us.
    fn covers(self, caller: &Caller) -> bool {
        let proof = caller.proof();
        if proof.was_asked {
            return proof.confirmed_at <= self.heard;
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
        let meter = IdentityMetrics::default();
        meter.register(&mut registry);
        let revocations = RevocationSet::new(meter);
        let at = now();
        let counted = |of: &str| {
            let mut metrics = String::new();
            text::encode(&mut metrics, &registry).unwrap();
            let label = format!("\"{of}\"}} ");
            let line = metrics.lines().find(|line| {
                line.starts_with("hallpass_revocations_total") && line.contains(&label)
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
