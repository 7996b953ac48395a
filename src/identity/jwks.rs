//! The keys of an issuer, by key id, cached (RFC 7517).
//!
//! Rules: the set is replaced whole, and only by one that has a usable key; it is kept while the
//! source is away; it is fetched again ahead of its age, in the background, and when a key id is
//! unknown or a signature does not fit, once at a time and never sooner than the cool-down after the
//! last *attempt*, whatever came of that.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::jwk::{KeySet, VerifyingKey, read_set};
use super::key_source::{Fetched, KeySource};
use super::refusal::{Check, Fault, Outage, refused};
use super::upstream::NoAnswer;
use crate::config::IdentityConfig;

/// Without any key nobody can be recognized, so then it is tried more often than the cool-down says.
const COOLDOWN_WITHOUT_KEYS: Duration = Duration::from_secs(5);
/// However short the cool-down and `max-age`, whoever tends to a set rests so long between two fetches.
const REST: Duration = Duration::from_secs(1);

/// A key set that is kept up to date.
#[derive(Clone)]
pub(super) struct Jwks {
    kept: Arc<Kept>,
}

struct Kept {
    state: Mutex<State>,
    source: Option<Box<dyn KeySource>>,
    ttl: Duration,
    cooldown: Duration,
    /// Held by the one fetch under way.
    gate: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    fetched: Option<Instant>,
    /// How long the set may be believed.
    lifetime: Duration,
    attempt: Option<Attempt>,
    /// Whether somebody sees to it that the set is fetched ahead of its age.
    tended: bool,
}

#[derive(Clone, Copy)]
struct Attempt {
    began: Instant,
    /// When it was over; not yet, while it is under way.
    ended: Option<Instant>,
    succeeded: bool,
}

/// How a key set is doing.
#[derive(Clone, Debug)]
pub struct KeysStatus {
    /// How many usable keys there are.
    pub keys: usize,
    /// The algorithms they have, sorted.
    pub algorithms: Vec<&'static str>,
    /// How old the set is; none when it never came, or never changes.
    pub age: Option<Duration>,
}

impl Jwks {
    /// Keys known from the start.
    pub(super) fn fixed(document: &Value) -> Self {
        let state = State { keys: read_set(document).map(Arc::new), ..State::default() };
        Self::keep(state, None, Duration::ZERO, Duration::ZERO)
    }

    /// Keys that `source` publishes.
    pub(super) fn from(source: impl KeySource, config: &IdentityConfig) -> Self {
        let source = Some(Box::new(source) as Box<dyn KeySource>);
        Self::keep(State::default(), source, config.jwks_ttl, config.jwks_cooldown)
    }

    fn keep(
        state: State,
        source: Option<Box<dyn KeySource>>,
        ttl: Duration,
        cooldown: Duration,
    ) -> Self {
        let kept = Kept { state: Mutex::new(state), source, ttl, cooldown, gate: Arc::default() };
        Self { kept: Arc::new(kept) }
    }

    /// The key that `key_id` names.
    pub(super) async fn key(&self, key_id: &str) -> Result<Arc<VerifyingKey>, Fault> {
        if let Some(key) = self.kept.known(key_id) {
            return Ok(key);
        }
        self.fetch_if_allowed().await;
        if let Some(key) = self.kept.known(key_id) {
            return Ok(key);
        }
        if self.kept.source.is_some() && !self.kept.last_attempt_succeeded() {
            return Err(Outage { retry_after: COOLDOWN_WITHOUT_KEYS }.into());
        }
        refused(Check::Key, "the token's key id is not in the key set")
    }

    /// The key that `key_id` names once the set was fetched again, if it is another than `than`:
    /// after its tables are wiped, an auth server may give a new key an old id.
    pub(super) async fn replacement(
        &self,
        key_id: &str,
        than: &VerifyingKey,
    ) -> Option<Arc<VerifyingKey>> {
        self.fetch_if_allowed().await;
        self.kept.known(key_id).filter(|key| key.thumbprint != than.thumbprint)
    }

    /// Whether the key with this id and thumbprint is still in the set.
    pub(super) fn holds(&self, key_id: &str, thumbprint: &[u8; 32]) -> bool {
        self.kept.known(key_id).is_some_and(|key| key.thumbprint == *thumbprint)
    }

    /// Whether there is a usable set, which is fetched if there never was one.
    pub(super) async fn ready(&self) -> bool {
        if self.kept.lock().keys.is_none() {
            self.fetch_if_allowed().await;
        }
        self.kept.lock().keys.is_some()
    }

    /// How it is doing.
    pub(super) fn status(&self) -> KeysStatus {
        let state = self.kept.lock();
        let keys = state.keys.iter().flat_map(|keys| keys.values());
        let mut algorithms: Vec<_> = keys.clone().map(|key| key.algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        KeysStatus { keys: keys.count(), algorithms, age: state.fetched.map(|at| at.elapsed()) }
    }

    /// The ids of its keys with their algorithms, sorted.
    pub(super) fn ids(&self) -> Vec<(String, &'static str)> {
        let state = self.kept.lock();
        let keys = state.keys.iter().flat_map(|keys| keys.iter());
        let mut ids: Vec<_> = keys.map(|(id, key)| (id.clone(), key.algorithm)).collect();
        ids.sort_unstable();
        ids
    }

    /// Waits for a fetch, if one is under way or allowed now.
    async fn fetch_if_allowed(&self) {
        if self.kept.source.is_none() {
            return;
        }
        let asked = Instant::now();
        let gate = Arc::clone(&self.kept.gate).lock_owned().await;
        if self.kept.may_attempt(asked) {
            // The fetch runs on its own: it outlives a request that gives up waiting for it. It fails
            // only when the runtime shuts down.
            let _ = tokio::spawn(fetch(Arc::clone(&self.kept), gate)).await;
        }
    }
}

impl Kept {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, key_id: &str) -> Option<Arc<VerifyingKey>> {
        self.lock().keys.as_ref()?.get(key_id).cloned()
    }

    fn last_attempt_succeeded(&self) -> bool {
        self.lock().attempt.is_some_and(|attempt| attempt.succeeded)
    }

    /// Not within the cool-down, and not where an attempt ended after this one was `asked` for:
    /// whoever waited for that one shares what came of it.
    fn may_attempt(&self, asked: Instant) -> bool {
        let state = self.lock();
        let cooldown = match &state.keys {
            Some(_) => self.cooldown,
            None => self.cooldown.min(COOLDOWN_WITHOUT_KEYS),
        };
        !state.attempt.is_some_and(|attempt| {
            attempt.ended.is_some_and(|ended| ended >= asked) || attempt.began.elapsed() < cooldown
        })
    }

    /// What the source says counts, within bounds: no more often than the cool-down, and no less
    /// often than the operator wants.
    fn lifetime(&self, max_age: Option<Duration>) -> Duration {
        max_age.unwrap_or(self.ttl).min(self.ttl).max(self.cooldown)
    }

    /// How long until the set is to be fetched again: when three quarters of its lifetime are over,
    /// or after the cool-down where that failed.
    fn due_in(&self) -> Duration {
        let state = self.lock();
        let left = |at: Instant, after: Duration| after.saturating_sub(at.elapsed());
        let by_age = state.fetched.map_or(Duration::ZERO, |at| left(at, state.lifetime * 3 / 4));
        let by_attempt =
            state.attempt.map_or(Duration::ZERO, |last| left(last.began, self.cooldown.max(REST)));
        by_age.max(by_attempt)
    }

    async fn fetch(&self) {
        let Some(source) = &self.source else { return };
        self.begin();
        self.end(source.fetch().await);
    }

    fn begin(&self) {
        let mut state = self.lock();
        state.attempt = Some(Attempt { began: Instant::now(), ended: None, succeeded: false });
    }

    fn end(&self, fetched: Result<Fetched, NoAnswer>) {
        let mut state = self.lock();
        let ended = Some(Instant::now());
        if let Some(attempt) = &mut state.attempt {
            attempt.ended = ended;
            attempt.succeeded = fetched.is_ok();
        }
        match fetched {
            Ok(Fetched { keys, max_age }) => {
                tracing::debug!(keys = keys.len(), "key set fetched");
                state.keys = Some(Arc::new(keys));
                state.fetched = ended;
                state.lifetime = self.lifetime(max_age);
            }
            Err(NoAnswer { reason, .. }) => {
                tracing::warn!(reason, "key set not fetched");
            }
        }
    }
}

/// Fetches, with nobody else at it; the first set that comes is tended to from then on.
async fn fetch(kept: Arc<Kept>, gate: OwnedMutexGuard<()>) {
    kept.fetch().await;
    drop(gate);
    let mut state = kept.lock();
    if state.keys.is_some() && !std::mem::replace(&mut state.tended, true) {
        tokio::spawn(tend_to(Arc::downgrade(&kept)));
    }
}

/// Fetches the set ahead of its age for as long as anybody holds it: nobody waits for that, and a key
/// that was withdrawn stops counting whether or not anybody asks.
async fn tend_to(kept: Weak<Kept>) {
    while let Some(due_in) = kept.upgrade().map(|kept| kept.due_in()) {
        tokio::time::sleep(due_in).await;
        let Some(kept) = kept.upgrade() else { return };
        let gate = Arc::clone(&kept.gate).lock_owned().await;
        if kept.due_in().is_zero() {
            kept.fetch().await;
        }
        drop(gate);
    }
}
