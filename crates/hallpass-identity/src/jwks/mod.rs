//! JWKS cache: the key set of an issuer (RFC 7517), refreshed in the background.
//!
//! Rules: the set is replaced as a whole, and only by one with a usable key; it is kept while the
//! source is unavailable; it is fetched again before it expires, in the background, and when a key id
//! is unknown or a signature does not match: one fetch at a time, within a budget. A token is rejected
//! for an unknown key id only by a set that was fetched after the token arrived; until then the result
//! is "unavailable". The rejection stands for the cool-down: then the token has the set fetched again.

pub(crate) mod fetch_budget;
pub(crate) mod source;
pub(crate) mod store;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use hallpass_types::now;
use moka::sync::Cache;
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::auth_server::client::UpstreamError;
use super::error::{AuthError, Check, Unavailable, UnavailableCause, rejected};
use super::jose::jwk::{KeySet, VerifyingKey, read_set};
use super::jose::jws::UnverifiedJws;
use crate::config::IdentityConfig;
use fetch_budget::FetchBudget;
use source::{FetchedKeySet, KeySource};
use store::{KeyStore, STORED_KEYS_LIFETIME, StoredKeys};

/// Without any key no token can be verified, so an empty cache retries more often than the cool-down.
const COOLDOWN_WHEN_EMPTY: Duration = Duration::from_secs(5);
/// The refresh task waits this long between two fetches, however short the cool-down and `max-age`.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// Tokens with an unknown key id with a recorded arrival time; others are treated as new.
const MAX_WAITING_TOKENS: u64 = 4096;
/// How long the arrival time is kept.
const WAITING_TOKEN_TTL: Duration = Duration::from_secs(600);

/// A cached key set that is kept up to date.
#[derive(Clone)]
pub(super) struct JwksCache {
    inner: Arc<CacheInner>,
}

struct CacheInner {
    state: Mutex<State>,
    source: Option<Box<dyn KeySource>>,
    ttl: Duration,
    cooldown: Duration,
    /// Held by the one fetch in progress.
    fetch_lock: Arc<tokio::sync::Mutex<()>>,
    /// Persists each fetched set.
    store: OnceLock<Arc<dyn KeyStore>>,
    /// When each token with an unknown key id arrived first.
    waiting: Cache<[u8; 32], Instant>,
}

struct State {
    keys: Option<Arc<KeySet>>,
    fetched: Option<Fetch>,
    /// Set when `keys` come from the store, until a set is fetched.
    stored: Option<StoredKeySet>,
    /// How long the set is fresh.
    lifetime: Duration,
    attempt: Option<Attempt>,
    /// Budget of fetches for unknown key ids.
    budget: FetchBudget,
    /// Whether the refresh task runs.
    is_refreshing: bool,
}

/// A successful fetch.
#[derive(Clone, Copy)]
struct Fetch {
    began: Instant,
    ended: Instant,
}

/// A set from the store, fetched before this server started.
#[derive(Clone, Copy)]
struct StoredKeySet {
    loaded: Instant,
    /// Its age when it was loaded.
    age: Duration,
}

impl StoredKeySet {
    fn age(self) -> Duration {
        self.age + self.loaded.elapsed()
    }
}

impl State {
    /// Whether the keys are used: they were fetched, or are fixed; or they were stored, and a fetch from
    /// their source was tried and failed.
    fn is_usable(&self) -> bool {
        match self.stored {
            Some(stored) if self.fetched.is_none() => {
                stored.age() < STORED_KEYS_LIFETIME
                    && self.attempt.is_some_and(|attempt| attempt.ended.is_some())
            }
            Some(_) | None => self.keys.is_some(),
        }
    }
}

#[derive(Clone, Copy)]
struct Attempt {
    began: Instant,
    /// When it ended; none while it is in progress.
    ended: Option<Instant>,
    succeeded: bool,
}

/// The state of a key set.
#[derive(Clone, Debug)]
pub struct KeysStatus {
    /// How many usable keys there are.
    pub keys: usize,
    /// The algorithms they have, sorted.
    pub algorithms: Vec<&'static str>,
    /// The age of the set; none when it was never fetched, or is fixed.
    pub age: Option<Duration>,
    /// Whether it comes from the store, and has not been fetched since this server started.
    pub is_stored: bool,
}

impl JwksCache {
    /// A fixed key set.
    pub(super) fn fixed(document: &Value) -> Self {
        Self::new(read_set(document).map(Arc::new), None, Duration::ZERO, Duration::ZERO)
    }

    /// The key set that `source` publishes.
    pub(super) fn from(source: impl KeySource, config: &IdentityConfig) -> Self {
        let source = Some(Box::new(source) as Box<dyn KeySource>);
        Self::new(None, source, config.jwks_ttl, config.jwks_cooldown)
    }

    fn new(
        keys: Option<Arc<KeySet>>,
        source: Option<Box<dyn KeySource>>,
        ttl: Duration,
        cooldown: Duration,
    ) -> Self {
        let state = State {
            keys,
            fetched: None,
            stored: None,
            lifetime: Duration::ZERO,
            attempt: None,
            budget: FetchBudget::new(cooldown),
            is_refreshing: false,
        };
        let waiting = Cache::builder()
            .max_capacity(MAX_WAITING_TOKENS)
            .time_to_live(WAITING_TOKEN_TTL)
            .build();
        let (state, fetch_lock, store) = (Mutex::new(state), Arc::default(), OnceLock::new());
        Self {
            inner: Arc::new(CacheInner {
                state,
                source,
                ttl,
                cooldown,
                fetch_lock,
                store,
                waiting,
            }),
        }
    }

    /// Loads the set of this source from `store`, and stores each set that is fetched.
    pub(super) async fn store_in(&self, store: Arc<dyn KeyStore>) {
        let Some(source) = &self.inner.source else { return };
        let loaded = store.load(&source.name()).await;
        // Called once per key set.
        let _ = self.inner.store.set(store);
        let Some(StoredKeys { document, fetched_at }) = loaded else { return };
        let keys = serde_json::from_str(&document).ok().and_then(|document| read_set(&document));
        let age = (now() - fetched_at).to_std().unwrap_or_default();
        if let Some(keys) = keys.filter(|_| age < STORED_KEYS_LIFETIME) {
            let mut state = self.inner.lock();
            if state.fetched.is_some() {
                return;
            }
            state.keys = Some(Arc::new(keys));
            state.stored = Some(StoredKeySet { loaded: Instant::now(), age });
            state.is_refreshing = true;
            tokio::spawn(refresh_loop(Arc::downgrade(&self.inner)));
        }
    }

    /// The key that `token` names. The token is rejected only when a set that was fetched after it first
    /// arrived has no such key.
    pub(super) async fn key(
        &self,
        token: &UnverifiedJws<'_>,
    ) -> Result<Arc<VerifyingKey>, AuthError> {
        let key_id = token.key_id()?;
        let inner = &self.inner;
        if let Some(key) = inner.known(key_id) {
            return Ok(key);
        }
        let arrived = inner.waiting.get_with(token.digest(), Instant::now);
        let is_new = !inner.was_fetched_since(arrived);
        if is_new || inner.is_cooled_down(Instant::now()) {
            self.fetch(|requested_at| {
                inner.known(key_id).is_none()
                    && (is_new || inner.is_cooled_down(requested_at))
                    && inner.may_fetch_for_key(requested_at)
            })
            .await;
        }
        match inner.known(key_id) {
            Some(key) => Ok(key),
            None if inner.source.is_none() || inner.was_fetched_since(arrived) => {
                rejected(Check::Key, "the token's key id is not in the key set")
            }
            None => Err(inner.outage().into()),
        }
    }

    /// The key with `key_id` after the set was fetched again, if it differs from `than`: an auth server
    /// whose tables were wiped may reuse a key id.
    pub(super) async fn refetch_for(
        &self,
        key_id: &str,
        than: &VerifyingKey,
    ) -> Option<Arc<VerifyingKey>> {
        self.fetch(|requested_at| self.inner.is_cooled_down(requested_at)).await;
        self.inner.known(key_id).filter(|key| key.thumbprint != than.thumbprint)
    }

    /// Whether the key with this id and thumbprint is still in the set.
    pub(super) fn contains(&self, key_id: &str, thumbprint: &[u8; 32]) -> bool {
        self.inner.known(key_id).is_some_and(|key| key.thumbprint == *thumbprint)
    }

    /// Whether there is a usable set. Fetches one if there is none.
    pub(super) async fn ready(&self) -> bool {
        if !self.inner.lock().is_usable() {
            self.fetch(|requested_at| self.inner.is_cooled_down(requested_at)).await;
        }
        self.inner.lock().is_usable()
    }

    /// The state of the key set.
    pub(super) fn status(&self) -> KeysStatus {
        let state = self.inner.lock();
        let usable = state.keys.as_ref().filter(|_| state.is_usable());
        let keys = usable.into_iter().flat_map(|keys| keys.values());
        let mut algorithms: Vec<_> = keys.clone().map(|key| key.algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let fetched = state.fetched.map(|fetch| fetch.ended.elapsed());
        let is_stored = fetched.is_none() && state.stored.is_some();
        let age = fetched.or(state.stored.map(StoredKeySet::age));
        KeysStatus { keys: keys.count(), algorithms, age, is_stored }
    }

    /// The key ids with their algorithms, sorted.
    pub(super) fn ids(&self) -> Vec<(String, &'static str)> {
        let state = self.inner.lock();
        let keys = state.keys.iter().flat_map(|keys| keys.iter());
        let mut ids: Vec<_> = keys.map(|(id, key)| (id.clone(), key.algorithm)).collect();
        ids.sort_unstable();
        ids
    }

    /// Waits for a fetch in progress, then fetches if that is still `allowed`.
    async fn fetch(&self, allowed: impl FnOnce(Instant) -> bool) {
        if self.inner.source.is_none() {
            return;
        }
        let requested_at = Instant::now();
        let fetch_lock = Arc::clone(&self.inner.fetch_lock).lock_owned().await;
        if allowed(requested_at) {
            // A task of its own: the fetch outlives a request that is cancelled. Joining it fails only
            // when the runtime shuts down.
            let _ = tokio::spawn(fetch(Arc::clone(&self.inner), fetch_lock)).await;
        }
    }
}

impl CacheInner {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, key_id: &str) -> Option<Arc<VerifyingKey>> {
        let state = self.lock();
        let keys = state.keys.as_ref().filter(|_| state.is_usable())?;
        keys.get(key_id).cloned()
    }

    /// Whether the set was fetched by a request that began after `arrived`.
    fn was_fetched_since(&self, arrived: Instant) -> bool {
        self.lock().fetched.is_some_and(|fetch| fetch.began >= arrived)
    }

    /// Whether the set may be fetched for a token with an unknown key: within the budget, or within the
    /// cool-down when there is no set at all.
    fn may_fetch_for_key(&self, requested_at: Instant) -> bool {
        if self.lock().fetched.is_none() {
            return self.is_cooled_down(requested_at);
        }
        !self.is_satisfied(requested_at) && self.lock().budget.take(Instant::now())
    }

    /// Why it is not known whether there is a key.
    fn outage(&self) -> Unavailable {
        let is_reachable = self.lock().attempt.is_some_and(|attempt| attempt.succeeded);
        let cause = match is_reachable {
            true => UnavailableCause::UnknownKey,
            false => UnavailableCause::AuthServer,
        };
        Unavailable { retry_after: self.time_until_fetch(), cause }
    }

    /// The time until the set may be fetched for an unknown key.
    fn time_until_fetch(&self) -> Duration {
        let state = self.lock();
        let wait = match state.fetched {
            Some(_) => state.budget.wait(Instant::now()),
            None => COOLDOWN_WHEN_EMPTY,
        };
        wait.max(MIN_REFRESH_INTERVAL)
    }

    /// Whether an attempt satisfies a request made at `requested_at`: it began later, or failed meanwhile. Callers
    /// that waited for it share the result.
    fn is_satisfied(&self, requested_at: Instant) -> bool {
        self.lock().attempt.is_some_and(|attempt| {
            let failed =
                attempt.ended.is_some_and(|ended| ended >= requested_at) && !attempt.succeeded;
            attempt.began >= requested_at || failed
        })
    }

    /// Whether the last attempt is longer ago than the cool-down.
    fn is_cooled_down(&self, requested_at: Instant) -> bool {
        let state = self.lock();
        let cooldown = match state.fetched {
            Some(_) => self.cooldown,
            None => self.cooldown.min(COOLDOWN_WHEN_EMPTY),
        };
        !state.attempt.is_some_and(|attempt| {
            attempt.ended.is_some_and(|ended| ended >= requested_at)
                || attempt.began.elapsed() < cooldown
        })
    }

    /// The lifetime that the source states, between the cool-down and the configured time-to-live.
    fn lifetime(&self, max_age: Option<Duration>) -> Duration {
        max_age.unwrap_or(self.ttl).min(self.ttl).max(self.cooldown)
    }

    /// The time until the next refresh: after three quarters of the lifetime, or after the cool-down if the
    /// last attempt failed.
    fn due_in(&self) -> Duration {
        let state = self.lock();
        let left = |at: Instant, after: Duration| after.saturating_sub(at.elapsed());
        let by_age =
            state.fetched.map_or(Duration::ZERO, |fetch| left(fetch.ended, state.lifetime * 3 / 4));
        let by_attempt = state.attempt.map_or(Duration::ZERO, |last| {
            left(last.began, self.cooldown.max(MIN_REFRESH_INTERVAL))
        });
        by_age.max(by_attempt)
    }

    async fn fetch(&self) {
        let Some(source) = &self.source else { return };
        self.record_attempt();
        let fetched = source.fetch().await;
        let document = fetched.as_ref().ok().map(|fetched| fetched.document.clone());
        self.record_result(fetched);
        if let (Some(document), Some(store)) = (document, self.store.get().cloned()) {
            let (name, keys) = (source.name(), StoredKeys { document, fetched_at: now() });
            // Not awaited.
            tokio::spawn(async move { store.store(&name, keys).await });
        }
    }

    fn record_attempt(&self) {
        let mut state = self.lock();
        state.attempt = Some(Attempt { began: Instant::now(), ended: None, succeeded: false });
    }

    fn record_result(&self, fetched: Result<FetchedKeySet, UpstreamError>) {
        let mut state = self.lock();
        let ended = Instant::now();
        let mut began = ended;
        if let Some(attempt) = &mut state.attempt {
            attempt.ended = Some(ended);
            attempt.succeeded = fetched.is_ok();
            began = attempt.began;
        }
        match fetched {
            Ok(FetchedKeySet { keys, max_age, .. }) => {
                tracing::debug!(keys = keys.len(), "key set fetched");
                state.keys = Some(Arc::new(keys));
                state.fetched = Some(Fetch { began, ended });
                state.lifetime = self.lifetime(max_age);
            }
            Err(UpstreamError { reason, .. }) => {
                tracing::warn!(reason, "key set not fetched");
            }
        }
    }
}

/// Fetches the set while holding the fetch lock, and starts the refresh task after the first success.
async fn fetch(inner: Arc<CacheInner>, fetch_lock: OwnedMutexGuard<()>) {
    inner.fetch().await;
    drop(fetch_lock);
    let mut state = inner.lock();
    if state.keys.is_some() && !std::mem::replace(&mut state.is_refreshing, true) {
        tokio::spawn(refresh_loop(Arc::downgrade(&inner)));
    }
}

/// Refreshes the set before it expires, for as long as the cache exists: no request waits for that, and
/// a withdrawn key becomes invalid without any request.
async fn refresh_loop(inner: Weak<CacheInner>) {
    while let Some(due_in) = inner.upgrade().map(|inner| inner.due_in()) {
        tokio::time::sleep(due_in).await;
        let Some(inner) = inner.upgrade() else { return };
        let fetch_lock = Arc::clone(&inner.fetch_lock).lock_owned().await;
        if inner.due_in().is_zero() {
            inner.fetch().await;
        }
        drop(fetch_lock);
    }
}
