//! The keys of the auth server: a JSON Web Key Set (RFC 7517), by key id, cached.
//!
//! Rules: entries are read singly and unfit ones skipped; the set is replaced whole, and only by one
//! that has a usable key; it is kept while the server is away; it is fetched again when it is old or
//! a key id is unknown, once at a time and never sooner than the cool-down after the last *attempt*,
//! whatever came of that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::Url;
use serde_json::Value;

use super::upstream::{NoAnswer, Upstream};
use super::{Fault, refused};
use crate::config::IdentityConfig;

/// The longest key id that is looked at.
pub(super) const LONGEST_KEY_ID: usize = 256;
/// Without any key nobody can be recognized, so then it is tried more often than the cool-down says.
const COOLDOWN_WITHOUT_KEYS: Duration = Duration::from_secs(5);

/// A key, and the one algorithm it verifies: the key decides, never the token.
pub(super) struct VerifyingKey {
    pub(super) key: DecodingKey,
    pub(super) algorithm: Algorithm,
}

type KeySet = HashMap<String, Arc<VerifyingKey>>;

/// Where keys come from.
pub(super) struct Jwks {
    state: Arc<Mutex<State>>,
    remote: Option<Arc<Remote>>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    fetched: Option<Instant>,
    attempt: Option<Attempt>,
}

#[derive(Clone, Copy)]
struct Attempt {
    /// When it began, and once it is over, when it ended.
    at: Instant,
    succeeded: bool,
}

struct Remote {
    url: Url,
    upstream: Upstream,
    ttl: Duration,
    cooldown: Duration,
    /// Held by the one fetch under way.
    gate: Arc<tokio::sync::Mutex<()>>,
}

impl Jwks {
    /// Keys known from the start.
    pub(super) fn fixed(document: &Value) -> Self {
        let state = State { keys: read_set(document).map(Arc::new), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), remote: None }
    }

    /// Keys published at `url`.
    pub(super) fn remote(url: Url, upstream: Upstream, config: &IdentityConfig) -> Self {
        let remote = Remote {
            url,
            upstream,
            ttl: config.jwks_ttl,
            cooldown: config.jwks_cooldown,
            gate: Arc::default(),
        };
        Self { state: Arc::default(), remote: Some(Arc::new(remote)) }
    }

    /// The key that `key_id` names.
    pub(super) async fn key(&self, key_id: &str) -> Result<Arc<VerifyingKey>, Fault> {
        if let Some(key) = self.known(key_id) {
            self.refresh_if_old();
            return Ok(key);
        }
        self.fetch_if_allowed().await;
        if let Some(key) = self.known(key_id) {
            return Ok(key);
        }
        if self.remote.is_some() && !self.last_attempt_succeeded() {
            return Err(Fault::Unavailable);
        }
        refused("the token's key id is not in the key set")
    }

    /// Whether there is a usable set, which is fetched if there never was one.
    pub(super) async fn ready(&self) -> bool {
        if self.lock().keys.is_none() {
            self.fetch_if_allowed().await;
        }
        self.lock().keys.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn known(&self, key_id: &str) -> Option<Arc<VerifyingKey>> {
        self.lock().keys.as_ref()?.get(key_id).cloned()
    }

    fn last_attempt_succeeded(&self) -> bool {
        self.lock().attempt.is_some_and(|attempt| attempt.succeeded)
    }

    /// In the background: whoever asks now is served with the keys at hand.
    fn refresh_if_old(&self) {
        let Some(remote) = &self.remote else { return };
        let old = self.lock().fetched.is_some_and(|at| at.elapsed() >= remote.ttl);
        if old && let Ok(gate) = Arc::clone(&remote.gate).try_lock_owned() {
            self.spawn_fetch(remote, gate, Instant::now());
        }
    }

    /// Waits for a fetch, if one is under way or allowed now.
    async fn fetch_if_allowed(&self) {
        let Some(remote) = &self.remote else { return };
        let asked = Instant::now();
        let gate = Arc::clone(&remote.gate).lock_owned().await;
        if let Some(fetch) = self.spawn_fetch(remote, gate, asked) {
            // It fails only when the runtime shuts down.
            let _ = fetch.await;
        }
    }

    /// The fetch runs on its own: it outlives a request that gives up waiting for it. There is none
    /// within the cool-down, nor where another ended after this one was `asked` for: whoever waited
    /// for that one shares what came of it.
    fn spawn_fetch(
        &self,
        remote: &Arc<Remote>,
        gate: tokio::sync::OwnedMutexGuard<()>,
        asked: Instant,
    ) -> Option<tokio::task::JoinHandle<()>> {
        {
            let mut state = self.lock();
            let cooldown = match &state.keys {
                Some(_) => remote.cooldown,
                None => remote.cooldown.min(COOLDOWN_WITHOUT_KEYS),
            };
            let served = |attempt: Attempt| attempt.at >= asked || attempt.at.elapsed() < cooldown;
            if state.attempt.is_some_and(served) {
                return None;
            }
            state.attempt = Some(Attempt { at: Instant::now(), succeeded: false });
        }
        let (state, remote) = (Arc::clone(&self.state), Arc::clone(remote));
        Some(tokio::spawn(async move {
            match remote.fetch().await {
                Ok(keys) => {
                    tracing::debug!(keys = keys.len(), "key set fetched");
                    let mut state = lock(&state);
                    state.keys = Some(Arc::new(keys));
                    state.fetched = Some(Instant::now());
                    state.attempt = Some(Attempt { at: Instant::now(), succeeded: true });
                }
                Err(NoAnswer(reason)) => {
                    tracing::warn!(reason, "key set not fetched");
                    lock(&state).attempt = Some(Attempt { at: Instant::now(), succeeded: false });
                }
            }
            drop(gate);
        }))
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Remote {
    async fn fetch(&self) -> Result<KeySet, NoAnswer> {
        let answer = self.upstream.get(self.url.clone(), HeaderMap::new()).await?;
        if answer.status != StatusCode::OK {
            return Err(NoAnswer("the status is not 200"));
        }
        let document =
            serde_json::from_slice(&answer.body).map_err(|_| NoAnswer("the answer is not JSON"))?;
        read_set(&document).ok_or(NoAnswer("there is no usable key in it"))
    }
}

fn read_set(document: &Value) -> Option<KeySet> {
    let entries = document.get("keys")?.as_array()?;
    let mut keys = KeySet::new();
    for entry in entries {
        if let Some((key_id, key)) = read_key(entry) {
            keys.entry(key_id).or_insert_with(|| Arc::new(key));
        }
    }
    (!keys.is_empty()).then_some(keys)
}

/// A public signing key of a kind that Better Auth issues and we verify; anything else is skipped.
fn read_key(entry: &Value) -> Option<(String, VerifyingKey)> {
    let member = |name: &str| entry.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(member(name)?).ok();
    let key_id = member("kid").filter(|id| !id.is_empty() && id.len() <= LONGEST_KEY_ID)?;
    if !is_for_signatures(entry) || entry.get("d").is_some() || entry.get("k").is_some() {
        return None;
    }
    let stated = match entry.get("alg") {
        None => None,
        Some(alg) => Some(alg.as_str()?),
    };
    let (algorithm, key) = match (member("kty")?, member("crv"), stated) {
        ("OKP", Some("Ed25519"), None | Some("EdDSA")) => {
            let point = bytes("x").filter(|x| x.len() == 32 && !has_small_order(x))?;
            (Algorithm::EdDSA, DecodingKey::from_ed_der(&point))
        }
        ("EC", Some("P-256"), None | Some("ES256")) => {
            bytes("x").filter(|x| x.len() == 32)?;
            bytes("y").filter(|y| y.len() == 32)?;
            (Algorithm::ES256, DecodingKey::from_ec_components(member("x")?, member("y")?).ok()?)
        }
        ("RSA", None, None | Some("RS256")) => {
            (Algorithm::RS256, rsa_key(bytes("n")?, bytes("e")?)?)
        }
        ("RSA", None, Some("PS256")) => (Algorithm::PS256, rsa_key(bytes("n")?, bytes("e")?)?),
        _ => return None,
    };
    Some((key_id.to_owned(), VerifyingKey { key, algorithm }))
}

/// Points for which a signature can be made without a key (RFC 8032 section 8.9 leaves them to the
/// verifier): the y coordinates of order 1, 2, 4 and 8, in every encoding, the sign aside.
fn has_small_order(point: &[u8]) -> bool {
    const ORDER_EIGHT: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let [first, middle @ .., last] = point else { return true };
    let last = last & 0x7f;
    let near_zero = *first <= 1 && middle.iter().all(|byte| *byte == 0) && last == 0;
    let near_prime = *first >= 0xec && middle.iter().all(|byte| *byte == 0xff) && last == 0x7f;
    let order_eight = ORDER_EIGHT
        .iter()
        .any(|known| known[0] == *first && known[1..31] == *middle && known[31] == last);
    near_zero || near_prime || order_eight
}

/// RFC 7517 sections 4.2 and 4.3: a key that says what it is for is used for nothing else.
fn is_for_signatures(entry: &Value) -> bool {
    let used = match entry.get("use") {
        None => true,
        Some(purpose) => purpose == "sig",
    };
    let operable = match entry.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => false,
    };
    used && operable
}

/// RFC 7518 section 3.3: 2048 bits at least. An exponent of one would sign anything.
fn rsa_key(modulus: Vec<u8>, exponent: Vec<u8>) -> Option<DecodingKey> {
    let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
    let small = exponent.iter().skip_while(|byte| **byte == 0).copied().collect::<Vec<_>>();
    let odd = small.last().is_some_and(|byte| byte % 2 == 1);
    if !(256..=1024).contains(&significant) || !odd || small == [1] {
        return None;
    }
    Some(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}
