//! What was taken back before its time: sessions, and everything that a user was given before now.
//!
//! What is held here overrules what caches and signatures say. It is bounded in time, not in number:
//! what was taken back stays so for longer than what it takes back can live.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_entity::{Timestamp, now};
use tokio::sync::watch;

use super::caller::Caller;
use super::meter::{Meter, Revoked};

/// How long a revocation is kept: by then the tokens of the user have expired. Better Auth's live
/// ten hours at most unless told otherwise, and the longest in use elsewhere a week.
pub const KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// What is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One session, by its id.
    Session(String),
    /// Whatever a user was given up to now: sessions are asked about again, tokens count no more.
    User(String),
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
pub struct Revocations {
    held: RwLock<Held>,
    news: watch::Sender<()>,
    meter: Meter,
}

#[derive(Default)]
struct Held {
    sessions: HashMap<String, Taken>,
    users: HashMap<String, Taken>,
}

#[derive(Clone, Copy)]
struct Taken {
    /// By the clock of the auth server.
    at: Timestamp,
    /// By ours.
    heard: Timestamp,
}

impl Revocations {
    pub(super) fn new(meter: Meter) -> Self {
        Self { held: RwLock::default(), news: watch::Sender::default(), meter }
    }

    /// Takes back. Hearing it twice, or out of order, changes nothing.
    pub fn apply(&self, revocation: Revocation) {
        let taken = Taken { at: revocation.at, heard: now() };
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let kept = match revocation.target {
            Target::Session(id) => {
                self.meter.revoked(Revoked::Session);
                held.sessions.entry(id).or_insert(taken)
            }
            Target::User(id) => {
                self.meter.revoked(Revoked::User);
                held.users.entry(id).or_insert(taken)
            }
        };
        kept.at = kept.at.max(taken.at);
        kept.heard = kept.heard.max(taken.heard);
        drop(held);
        self.news.send_replace(());
    }

    /// Forgets what has no effect any more.
    pub fn prune(&self) {
        let oldest = now() - TimeDelta::from_std(KEPT).unwrap_or(TimeDelta::MAX);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.sessions.retain(|_, taken| taken.heard > oldest);
        held.users.retain(|_, taken| taken.heard > oldest);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.sessions.len() + held.users.len()
    }

    /// Waits until `caller` is taken back.
    pub(super) async fn taken_back(&self, caller: &Caller) {
        let mut news = self.news.subscribe();
        while !self.cover(caller) {
            // Ends only with this, which is here.
            let _ = news.changed().await;
        }
    }

    /// Whether `caller` was confirmed before being taken back.
    pub(super) fn cover(&self, caller: &Caller) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let session = caller.session_id().and_then(|id| held.sessions.get(id));
        let user = held.users.get(caller.id().as_str());
        session.into_iter().chain(user).any(|taken| taken.covers(caller))
    }
}

impl Taken {
    /// Tokens are dated by the auth server, in whole seconds; what it was asked about, by us.
    fn covers(self, caller: &Caller) -> bool {
        let proof = caller.proof();
        if proof.was_asked {
            return proof.confirmed_at <= self.heard;
        }
        proof.confirmed_at.timestamp() <= self.at.timestamp()
    }
}
