//! Single-flight cache of verification results.
//!
//! Concurrent verifications of one credential share one flight. Outages are never cached. Entries expire by
//! a monotonic clock, which stops while a virtual machine is paused: the system clock is compared on each
//! use too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use moka::Expiry;
use moka::future::Cache;

use crate::caller::Caller;
use crate::error::{AuthError, CredentialRejected, Unavailable};
use crate::metrics::{CacheName, IdentityMetrics};

/// Maximum total weight of the entries of one cache, in bytes …
const MAX_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// … and minimum weight of each: so there are 65 536 at most.
const MIN_ENTRY_WEIGHT: usize = 1024;
/// Maximum time-to-live of a rejection: a session created a moment later must work soon.
const REJECTION_TTL: Duration = Duration::from_secs(5);
/// The fraction of the time-to-live that is randomized.
const JITTER: f64 = 0.3;
/// Times longer than this get no more jitter.
const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// How long it is remembered that a credential was accepted, beyond its verdict …
const ACCEPTANCE_TTL: Duration = Duration::from_secs(60 * 60);
/// … and of how many credentials.
const MAX_ACCEPTANCES: u64 = 65_536;
/// Attempts to get a result that is still valid when it arrives.
const MAX_ATTEMPTS: usize = 3;

/// An authenticated caller, and the key that verified the credential.
#[derive(Clone)]
pub(crate) struct Accepted {
    pub(crate) caller: Arc<Caller>,
    /// The key of the credential, which is valid only as long as the key is.
    pub(crate) key: Option<Arc<VerifiedWith>>,
}

/// A key of a key set.
pub(crate) struct VerifiedWith {
    pub(crate) id: String,
    pub(crate) thumbprint: [u8; 32],
    /// Whether the key is the OpenID provider's, if that is not the auth server.
    pub(crate) of_provider: bool,
}

#[derive(Clone)]
enum Verdict {
    Accepted(Accepted),
    Rejected(CredentialRejected),
}

/// Cache of verdicts, by a keyed hash of the whole credential and its scheme: credentials that differ
/// anywhere have different entries, clients cannot target an entry, and no credential is stored.
pub(crate) struct VerdictCache {
    name: CacheName,
    key: hmac::Key,
    verdicts: Cache<[u8; 32], Verdict>,
    /// Credentials whose last verdict was that they are accepted.
    acceptances: moka::sync::Cache<[u8; 32], ()>,
    max_ttl: Duration,
    caches_rejections: bool,
    metrics: IdentityMetrics,
}

struct VerdictExpiry {
    max_ttl: Duration,
}

impl Expiry<[u8; 32], Verdict> for VerdictExpiry {
    /// Each credential has its own jitter, derived from its key, so that many that were verified at the
    /// same moment are not verified again at the same moment.
    fn expire_after_create(
        &self,
        key: &[u8; 32],
        verdict: &Verdict,
        _: Instant,
    ) -> Option<Duration> {
        let jitter = self.max_ttl.min(MAX_TTL).mul_f64(JITTER * f64::from(key[0]) / 255.0);
        let jittered = self.max_ttl.saturating_sub(jitter);
        Some(match verdict {
            Verdict::Accepted(accepted) => jittered.min(accepted.caller.remaining()),
            Verdict::Rejected(_) => self.max_ttl.min(REJECTION_TTL),
        })
    }
}

impl VerdictCache {
    /// Verified tokens, until they expire. Rejections are not cached.
    pub(crate) fn tokens(metrics: IdentityMetrics) -> Self {
        Self::new(CacheName::Tokens, Duration::MAX, false, metrics)
    }

    /// Results of the auth server, each for 70 to 100 % of `ttl`; rejections briefly.
    pub(crate) fn sessions(ttl: Duration, metrics: IdentityMetrics) -> Self {
        Self::new(CacheName::Sessions, ttl, true, metrics)
    }

    fn new(
        name: CacheName,
        max_ttl: Duration,
        caches_rejections: bool,
        metrics: IdentityMetrics,
    ) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .expect("the system has a random number generator, which TLS needs too");
        let verdicts = Cache::builder()
            .max_capacity(MAX_CACHE_BYTES)
            .weigher(|_, verdict| weight(verdict))
            .expire_after(VerdictExpiry { max_ttl })
            .build();
        let acceptances = moka::sync::Cache::builder()
            .max_capacity(MAX_ACCEPTANCES)
            .time_to_live(ACCEPTANCE_TTL)
            .build();
        Self { name, key, verdicts, acceptances, max_ttl, caches_rejections, metrics }
    }

    /// The verdict on `credential`: from the cache, if `is_valid`, else from `verify`. Only the cache is read without an
    /// allocation: the other futures are large, and each request would move them.
    pub(crate) async fn get_or_verify<F>(
        &self,
        credential: &[&[u8]],
        is_valid: impl Fn(&Accepted) -> bool,
        verify: impl Fn() -> F,
    ) -> Result<Arc<Caller>, AuthError>
    where
        F: Future<Output = Result<Accepted, AuthError>>,
    {
        let key = self.hash(credential);
        let known = self.verdicts.get(&key).await;
        self.metrics.record_cache_lookup(self.name, known.is_some());
        let mut verdict = match known {
            Some(Verdict::Accepted(accepted)) if !self.is_current(&accepted.caller) => {
                Box::pin(self.verdicts.invalidate(&key)).await;
                None
            }
            known => known,
        };
        for _ in 0..MAX_ATTEMPTS {
            match verdict {
                Some(Verdict::Rejected(rejection)) => return Err(rejection.into()),
                Some(Verdict::Accepted(accepted)) if is_valid(&accepted) => {
                    return Ok(accepted.caller);
                }
                Some(Verdict::Accepted(_)) => Box::pin(self.verdicts.invalidate(&key)).await,
                None => {}
            }
            let verified = Box::pin(self.to_verdict(key, verify()));
            let found = Box::pin(self.verdicts.try_get_with(key, verified)).await;
            verdict = Some(found.map_err(|fault| *fault)?);
        }
        Err(Unavailable::of(Duration::from_secs(1)).into())
    }

    /// Whether the last verdict on `credential` was that it is accepted, as far as that is remembered: as long as the
    /// verdict is cached, and for [`ACCEPTANCE_TTL`].
    pub(crate) async fn has_accepted(&self, credential: &[&[u8]]) -> bool {
        let key = self.hash(credential);
        self.acceptances.contains_key(&key)
            || matches!(self.verdicts.get(&key).await, Some(Verdict::Accepted(_)))
    }

    /// Remembers that `credential` was accepted, by another verdict.
    pub(crate) fn remember(&self, credential: &[&[u8]]) {
        self.acceptances.insert(self.hash(credential), ());
    }

    /// Whether the verdict is valid by the system clock.
    fn is_current(&self, caller: &Caller) -> bool {
        let is_recent =
            !caller.proof().was_validated || caller.age().is_some_and(|age| age < self.max_ttl);
        caller.is_current() && is_recent
    }

    async fn to_verdict(
        &self,
        key: [u8; 32],
        found: impl Future<Output = Result<Accepted, AuthError>>,
    ) -> Result<Verdict, AuthError> {
        let found = found.await;
        match &found {
            Ok(_) => self.acceptances.insert(key, ()),
            Err(AuthError::Rejected(_)) => self.acceptances.invalidate(&key),
            Err(AuthError::Unavailable(_)) => {}
        }
        match found {
            Ok(accepted) => Ok(Verdict::Accepted(accepted)),
            Err(AuthError::Rejected(rejection)) if self.caches_rejections => {
                Ok(Verdict::Rejected(rejection))
            }
            Err(fault) => Err(fault),
        }
    }

    fn hash(&self, credential: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in credential {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.sign().as_ref());
        key
    }

    /// The number of entries, and their approximate size in bytes.
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.verdicts.entry_count(), self.verdicts.weighted_size())
    }
}

fn weight(verdict: &Verdict) -> u32 {
    let texts = match verdict {
        Verdict::Accepted(accepted) => accepted.caller.size(),
        Verdict::Rejected(_) => 0,
    };
    u32::try_from(MIN_ENTRY_WEIGHT + texts).unwrap_or(u32::MAX)
}
