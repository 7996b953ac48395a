//! The keys of an issuer, by key id, cached (RFC 7517).
//!
//! Rules: the set is replaced whole, and only by one that has a usable key; it is kept while the
//! source is away; it is fetched again ahead of its age, in the background, and when a key id is
//! unknown or a signature does not fit, once at a time and within a budget. A token is refused for its
//! key id only by a set that was fetched after the token came: until then it is unknown.

pub(crate) mod fetch_budget;
pub(crate) mod source;
pub(crate) mod store;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use hallpass_entity::now;
use moka::sync::Cache;
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::auth_server::client::UpstreamError;
use super::error::{AuthError, Check, Unavailable, refused};
use super::jose::jwk::{KeySet, VerifyingKey, read_set};
use super::jose::jws::UnverifiedJws;
use crate::config::IdentityConfig;
use fetch_budget::FetchBudget;
use source::{FetchedKeySet, KeySource};
use store::{KeyStore, STORED_KEYS_LIFETIME, StoredKeys};

/// Without any key no caller can be recognized, so then it is tried more often than the cool-down says.
const COOLDOWN_WHEN_EMPTY: Duration = Duration::from_secs(5);
/// However short the cool-down and `max-age`, the task that refreshes a set waits so long between two fetches.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// Tokens with an unknown key id of which it is known when they came; others are treated as new.
const MAX_WAITING_TOKENS: u64 = 4096;
/// How long that is known.
const WAITING_TOKEN_TTL: Duration = Duration::from_secs(600);

/// A key set that is kept up to date.
#[derive(Clone)]
pub(super) struct JwksCache {
    kept: Arc<Kept>,
}

struct Kept {
    state: Mutex<State>,
    source: Option<Box<dyn KeySource>>,
    ttl: Duration,
    cooldown: Duration,
    /// Held by the one fetch under way.
    gate: Arc<tokio::sync::Mutex<()>>,
    /// Where a good set is stored.
    store: OnceLock<Arc<dyn KeyStore>>,
    /// When each token came whose key id was unknown.
    waiting: Cache<[u8; 32], Instant>,
}

struct State {
    keys: Option<Arc<KeySet>>,
    fetched: Option<Fetch>,
    /// The stored set that `keys` are, until one is fetched.
    stored: Option<CachedKeySet>,
    /// How long the set may be believed.
    lifetime: Duration,
    attempt: Option<Attempt>,
    /// Fetches because of unknown key ids.
    budget: FetchBudget,
    /// Whether a task fetches the set ahead of its age.
    tended: bool,
}

/// A fetch that brought a set.
#[derive(Clone, Copy)]
struct Fetch {
    began: Instant,
    ended: Instant,
}

/// A set that was fetched before this server started.
#[derive(Clone, Copy)]
struct CachedKeySet {
    loaded: Instant,
    /// How old it was then.
    age: Duration,
}

impl CachedKeySet {
    fn age(self) -> Duration {
        self.age + self.loaded.elapsed()
    }
}

impl State {
    /// Whether the keys count: they were fetched, or are known from the start; or they were stored, and
    /// their source was asked for new ones in vain.
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
    /// Whether it was stored before this server started, and has not been fetched since.
    pub is_stored: bool,
}

impl JwksCache {
    /// Keys known from the start.
    pub(super) fn fixed(document: &Value) -> Self {
        Self::spawn_refresh(read_set(document).map(Arc::new), None, Duration::ZERO, Duration::ZERO)
    }

    /// Keys that `source` publishes.
    pub(super) fn from(source: impl KeySource, config: &IdentityConfig) -> Self {
        let source = Some(Box::new(source) as Box<dyn KeySource>);
        Self::spawn_refresh(None, source, config.jwks_ttl, config.jwks_cooldown)
    }

    fn spawn_refresh(
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
            tended: false,
        };
        let waiting = Cache::builder()
            .max_capacity(MAX_WAITING_TOKENS)
            .time_to_live(WAITING_TOKEN_TTL)
            .build();
        let (state, gate, store) = (Mutex::new(state), Arc::default(), OnceLock::new());
        Self { kept: Arc::new(Kept { state, source, ttl, cooldown, gate, store, waiting }) }
    }

    /// Takes over the set that `store` has of this source, and has each one stored that is fetched.
    pub(super) async fn store_in(&self, store: Arc<dyn KeyStore>) {
        let Some(source) = &self.kept.source else { return };
        let loaded = store.load(&source.name()).await;
        // A key set is given one store, once.
        let _ = self.kept.store.set(store);
        let Some(StoredKeys { document, fetched_at }) = loaded else { return };
        let keys = serde_json::from_str(&document).ok().and_then(|document| read_set(&document));
        let age = (now() - fetched_at).to_std().unwrap_or_default();
        if let Some(keys) = keys.filter(|_| age < STORED_KEYS_LIFETIME) {
            let mut state = self.kept.lock();
            if state.fetched.is_some() {
                return;
            }
            state.keys = Some(Arc::new(keys));
            state.stored = Some(CachedKeySet { loaded: Instant::now(), age });
            state.tended = true;
            tokio::spawn(refresh_loop(Arc::downgrade(&self.kept)));
        }
    }

    /// The key that `token` names. It is refused only where a set that was fetched after it first came
    /// has no such key.
    pub(super) async fn key(
        &self,
        token: &UnverifiedJws<'_>,
    ) -> Result<Arc<VerifyingKey>, AuthError> {
        let key_id = token.key_id()?;
        let kept = &self.kept;
        if let Some(key) = kept.known(key_id) {
            return Ok(key);
        }
        let came = kept.waiting.get_with(token.digest(), Instant::now);
        if !kept.was_fetched_since(came) {
            self.fetch(|asked| kept.known(key_id).is_none() && kept.may_look_for_key(asked)).await;
        }
        match kept.known(key_id) {
            Some(key) => Ok(key),
            None if kept.source.is_none() || kept.was_fetched_since(came) => {
                refused(Check::Key, "the token's key id is not in the key set")
            }
            None => Err(Unavailable::of(kept.next_look()).into()),
        }
    }

    /// The key that `key_id` names once the set was fetched again, if it is another than `than`:
    /// after its tables are wiped, an auth server may give a new key an old id.
    pub(super) async fn refetch_for(
        &self,
        key_id: &str,
        than: &VerifyingKey,
    ) -> Option<Arc<VerifyingKey>> {
        self.fetch(|asked| self.kept.is_cooled_down(asked)).await;
        self.kept.known(key_id).filter(|key| key.thumbprint != than.thumbprint)
    }

    /// Whether the key with this id and thumbprint is still in the set.
    pub(super) fn contains(&self, key_id: &str, thumbprint: &[u8; 32]) -> bool {
        self.kept.known(key_id).is_some_and(|key| key.thumbprint == *thumbprint)
    }

    /// Whether there is a usable set, which is fetched if there never was one.
    pub(super) async fn ready(&self) -> bool {
        if !self.kept.lock().is_usable() {
            self.fetch(|asked| self.kept.is_cooled_down(asked)).await;
        }
        self.kept.lock().is_usable()
    }

    /// How it is doing.
    pub(super) fn status(&self) -> KeysStatus {
        let state = self.kept.lock();
        let usable = state.keys.as_ref().filter(|_| state.is_usable());
        let keys = usable.into_iter().flat_map(|keys| keys.values());
        let mut algorithms: Vec<_> = keys.clone().map(|key| key.algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let fetched = state.fetched.map(|fetch| fetch.ended.elapsed());
        let is_stored = fetched.is_none() && state.stored.is_some();
        let age = fetched.or(state.stored.map(CachedKeySet::age));
        KeysStatus { keys: keys.count(), algorithms, age, is_stored }
    }

    /// The ids of its keys with their algorithms, sorted.
    pub(super) fn ids(&self) -> Vec<(String, &'static str)> {
        let state = self.kept.lock();
        let keys = state.keys.iter().flat_map(|keys| keys.iter());
        let mut ids: Vec<_> = keys.map(|(id, key)| (id.clone(), key.algorithm)).collect();
        ids.sort_unstable();
        ids
    }

    /// Waits for a fetch under way, and then for one of its own where that is `allowed` still.
    async fn fetch(&self, allowed: impl FnOnce(Instant) -> bool) {
        if self.kept.source.is_none() {
            return;
        }
        let asked = Instant::now();
        let gate = Arc::clone(&self.kept.gate).lock_owned().await;
        if allowed(asked) {
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
        let state = self.lock();
        let keys = state.keys.as_ref().filter(|_| state.is_usable())?;
        keys.get(key_id).cloned()
    }

    /// Whether the set was fetched by a request that began after `came`.
    fn was_fetched_since(&self, came: Instant) -> bool {
        self.lock().fetched.is_some_and(|fetch| fetch.began >= came)
    }

    /// Whether the set may be fetched for a token whose key is unknown: within the budget; and where
    /// there is no set at all, as often as that is tried.
    fn may_look_for_key(&self, asked: Instant) -> bool {
        if self.lock().fetched.is_none() {
            return self.is_cooled_down(asked);
        }
        !self.is_answered(asked) && self.lock().budget.take(Instant::now())
    }

    /// How long until the set may be fetched for an unknown key.
    fn next_look(&self) -> Duration {
        let state = self.lock();
        let wait = match state.fetched {
            Some(_) => state.budget.wait(Instant::now()),
            None => COOLDOWN_WHEN_EMPTY,
        };
        wait.max(MIN_REFRESH_INTERVAL)
    }

    /// Whether an attempt answers what was `asked`: it began later, or failed meanwhile. Then
    /// callers that waited for it share the result.
    fn is_answered(&self, asked: Instant) -> bool {
        self.lock().attempt.is_some_and(|attempt| {
            let failed = attempt.ended.is_some_and(|ended| ended >= asked) && !attempt.succeeded;
            attempt.began >= asked || failed
        })
    }

    /// Whether the last attempt is longer ago than the cool-down.
    fn is_cooled_down(&self, asked: Instant) -> bool {
        let state = self.lock();
        let cooldown = match state.fetched {
            Some(_) => self.cooldown,
            None => self.cooldown.min(COOLDOWN_WHEN_EMPTY),
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

/// Fetches, while no other task does; the first set that comes is tended to from then on.
async fn fetch(kept: Arc<Kept>, gate: OwnedMutexGuard<()>) {
    kept.fetch().await;
    drop(gate);
    let mut state = kept.lock();
    if state.keys.is_some() && !std::mem::replace(&mut state.tended, true) {
        tokio::spawn(refresh_loop(Arc::downgrade(&kept)));
    }
}

/// Fetches the set ahead of its age for as long as it is held: no request waits for that, and a key
/// that was withdrawn stops counting whether or not a request comes.
async fn refresh_loop(kept: Weak<Kept>) {
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
