//! Cache of verification results, with single-flight lookups.
//!
//! Concurrent checks of one credential are one check. An outage is never remembered. Entries expire by a
//! monotonic clock, which stands still while a virtual machine is paused: the wall clock is compared on each
//! use too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use moka::Expiry;
use moka::future::Cache;

use crate::identity::caller::Caller;
use crate::identity::error::{AuthError, CredentialRejected, Unavailable};
use crate::identity::metrics::{CacheName, IdentityMetrics};

/// The most that the entries of one cache may weigh, in bytes …
const MAX_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// … of which each weighs this much at least: so there are 65 536 at most.
const MIN_ENTRY_WEIGHT: usize = 1024;
/// How long a refusal is remembered at most: a session made a moment later must work soon.
const REJECTION_TTL: Duration = Duration::from_secs(5);
/// The part of its time by which an entry may be out of date sooner than another.
const JITTER: f64 = 0.3;
/// More time than this is not spread further.
const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// When what was just found out is out of date at once, again and again, something is wrong.
const MAX_ATTEMPTS: usize = 3;

/// A caller who was recognized, and by which key.
#[derive(Clone)]
pub(crate) struct Accepted {
    pub(crate) caller: Arc<Caller>,
    /// The key that signed the credential, which counts only as long as the key does.
    pub(crate) key: Option<Arc<VerifiedWith>>,
}

/// A key of a key set.
pub(crate) struct VerifiedWith {
    pub(crate) id: String,
    pub(crate) thumbprint: [u8; 32],
    /// Whether the key is the OpenID provider's, where that is another than the auth server.
    pub(crate) of_provider: bool,
}

#[derive(Clone)]
enum Verdict {
    Accepted(Accepted),
    Refused(CredentialRejected),
}

/// A cache of verdicts, by a keyed hash of the whole credential and its scheme: two that differ
/// anywhere share nothing, no client can aim at an entry, and no credential is kept.
pub(crate) struct VerdictCache {
    name: CacheName,
    key: hmac::Key,
    verdicts: Cache<[u8; 32], Verdict>,
    longest: Duration,
    refusals: bool,
    meter: IdentityMetrics,
}

struct VerdictExpiry {
    longest: Duration,
}

impl Expiry<[u8; 32], Verdict> for VerdictExpiry {
    /// Each credential has its own part of the longest time, by its key, so that many that were checked
    /// at the same moment are not checked again at the same moment.
    fn expire_after_create(
        &self,
        key: &[u8; 32],
        verdict: &Verdict,
        _: Instant,
    ) -> Option<Duration> {
        let sooner = self.longest.min(MAX_TTL).mul_f64(JITTER * f64::from(key[0]) / 255.0);
        let jittered = self.longest.saturating_sub(sooner);
        Some(match verdict {
            Verdict::Accepted(accepted) => jittered.min(accepted.caller.remaining()),
            Verdict::Refused(_) => self.longest.min(REJECTION_TTL),
        })
    }
}

impl VerdictCache {
    /// Verified tokens, until they expire. What is refused is checked again each time.
    pub(crate) fn tokens(meter: IdentityMetrics) -> Self {
        Self::new(CacheName::Tokens, Duration::MAX, false, meter)
    }

    /// Answers of the auth server, each for 70 to 100 % of `ttl`; its refusals briefly.
    pub(crate) fn sessions(ttl: Duration, meter: IdentityMetrics) -> Self {
        Self::new(CacheName::Sessions, ttl, true, meter)
    }

    fn new(name: CacheName, longest: Duration, refusals: bool, meter: IdentityMetrics) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .expect("the system has random numbers, without which there is no TLS either");
        let verdicts = Cache::builder()
            .max_capacity(MAX_CACHE_BYTES)
            .weigher(|_, verdict| weight(verdict))
            .expire_after(VerdictExpiry { longest })
            .build();
        Self { name, key, verdicts, longest, refusals, meter }
    }

    /// The verdict on `credential`: remembered, if it is `still_good`, else what `find` finds out.
    pub(crate) async fn get_or_verify<F>(
        &self,
        credential: &[&[u8]],
        still_good: impl Fn(&Accepted) -> bool,
        find: impl Fn() -> F,
    ) -> Result<Arc<Caller>, AuthError>
    where
        F: Future<Output = Result<Accepted, AuthError>>,
    {
        let key = self.hash(credential);
        let known = self.verdicts.get(&key).await;
        self.meter.record_cache_lookup(self.name, known.is_some());
        let mut verdict = match known {
            Some(Verdict::Accepted(accepted)) if !self.is_current(&accepted.caller) => {
                self.verdicts.invalidate(&key).await;
                None
            }
            known => known,
        };
        for _ in 0..MAX_ATTEMPTS {
            match verdict {
                Some(Verdict::Refused(refusal)) => return Err(refusal.into()),
                Some(Verdict::Accepted(accepted)) if still_good(&accepted) => {
                    return Ok(accepted.caller);
                }
                Some(Verdict::Accepted(_)) => self.verdicts.invalidate(&key).await,
                None => {}
            }
            let found = self.verdicts.try_get_with(key, self.verify(find())).await;
            verdict = Some(found.map_err(|fault| *fault)?);
        }
        Err(Unavailable::of(Duration::from_secs(1)).into())
    }

    /// Whether the wall clock agrees that the verdict still counts.
    fn is_current(&self, caller: &Caller) -> bool {
        let is_recent =
            !caller.proof().was_asked || caller.age().is_some_and(|age| age < self.longest);
        caller.is_current() && is_recent
    }

    async fn verify(
        &self,
        found: impl Future<Output = Result<Accepted, AuthError>>,
    ) -> Result<Verdict, AuthError> {
        match found.await {
            Ok(accepted) => Ok(Verdict::Accepted(accepted)),
            Err(AuthError::Refused(refusal)) if self.refusals => Ok(Verdict::Refused(refusal)),
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

    /// How many entries there are, and about how many bytes they take.
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.verdicts.entry_count(), self.verdicts.weighted_size())
    }
}

fn weight(verdict: &Verdict) -> u32 {
    let texts = match verdict {
        Verdict::Accepted(accepted) => accepted.caller.size(),
        Verdict::Refused(_) => 0,
    };
    u32::try_from(MIN_ENTRY_WEIGHT + texts).unwrap_or(u32::MAX)
}
