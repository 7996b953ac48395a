//! Watches the credential of a long-lived connection (WebSocket or SSE) for as long as it is open.
//!
//! Credentials that the auth server validates are validated again within `SESSION_CACHE_TTL`: by each
//! connection at a random time, and by few at once. Until the result arrives, the [`Gate`] holds back what
//! the connection would deliver, so that a sign-out takes effect in time even if the auth server is slow.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use chrono::TimeDelta;
use hallpass_types::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::presented::PresentedCredentials;
use crate::caller::Caller;
use crate::error::{Check, CredentialRejected, Unavailable};
use crate::revocation::RevocationSet;
use crate::{Authentication, Authenticator};

/// How often the system clock is checked: monotonic timers stop while a virtual machine is paused.
const CHECK_INTERVAL: Duration = Duration::from_secs(3);
/// The shortest time for which a connection relies on one validation.
const MIN_REVALIDATION_INTERVAL: Duration = Duration::from_secs(1);
/// The fractions of that time after which it revalidates: at the earliest, and at the latest.
const REVALIDATION_SPREAD: (f64, f64) = (0.5, 0.9);
/// The minimum time for which revalidation is retried after that time is over.
const MIN_OUTAGE_TOLERANCE: Duration = Duration::from_secs(5);
/// The first delay between two retries, which doubles, and the longest.
const RETRY_DELAYS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));
/// How many connections revalidate at the auth server at once.
pub(crate) const MAX_CONCURRENT: usize = 8;

/// Why a credential is no longer valid.
#[derive(Clone, Copy, Debug)]
pub enum Ended {
    /// It expired.
    Expired,
    /// It was revoked, or the auth server rejects it now.
    Rejected(CredentialRejected),
    /// The caller's rights changed.
    Changed,
    /// It could not be revalidated for too long.
    Unavailable(Unavailable),
}

/// A caller, and until when the last validation is valid.
#[derive(Clone)]
struct Status {
    caller: Arc<Caller>,
    bound: Duration,
    /// The bound as a monotonic deadline; none for signed tokens.
    until: Option<Instant>,
    revocations: Arc<RevocationSet>,
}

impl Status {
    fn of(caller: Arc<Caller>, authenticator: &Authenticator) -> Self {
        let bound = authenticator.session_ttl.max(MIN_REVALIDATION_INTERVAL);
        let revocations = Arc::clone(&authenticator.revocations);
        let until = caller.proof().was_validated.then(|| {
            let left = bound.saturating_sub(caller.age().unwrap_or_default());
            Instant::now() + left
        });
        Self { caller, bound, until, revocations }
    }

    /// Whether the caller is valid now: by both clocks and the revocations.
    fn is_valid(&self) -> bool {
        let is_recent = self.until.is_none_or(|until| {
            Instant::now() < until && self.caller.age().is_some_and(|age| age < self.bound)
        });
        self.caller.is_current() && is_recent && !self.revocations.applies_to(&self.caller)
    }

    /// Whether it expired without having been revoked.
    fn has_expired(&self) -> bool {
        !self.caller.is_current() && !self.revocations.applies_to(&self.caller)
    }
}

/// Watches the credential of one connection.
pub struct Watch {
    credentials: Arc<PresentedCredentials>,
    status: watch::Sender<Status>,
}

impl PresentedCredentials {
    /// Watches the credential, which authenticated `caller` when the connection began.
    #[must_use]
    pub fn watch(self: &Arc<Self>, caller: Arc<Caller>) -> Watch {
        let status = watch::Sender::new(Status::of(caller, self.authenticator()));
        Watch { credentials: Arc::clone(self), status }
    }
}

impl Watch {
    /// A gate that is open while the credential is valid.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate(Some(self.status.subscribe()))
    }

    /// Resolves when the credential is no longer valid: expired, revoked, or rejected on revalidation.
    pub async fn wait_until_invalid(&self) -> Ended {
        loop {
            let status = self.status.borrow().clone();
            let is_revoked = tokio::select! {
                () = status.revocations.wait_until_revoked(&status.caller) => true,
                () = wait_for_next_check(&status) => false,
            };
            match self.revalidate(&status, is_revoked).await {
                Ok(caller) => {
                    self.status.send_replace(Status::of(caller, self.authenticator()));
                }
                Err(ended) => return ended,
            }
        }
    }

    fn authenticator(&self) -> &Authenticator {
        self.credentials.authenticator()
    }

    /// Authenticates the credential again; while the auth server is unavailable, retries until some time after
    /// the deadline. Revoked credentials are not retried.
    async fn revalidate(&self, before: &Status, is_revoked: bool) -> Result<Arc<Caller>, Ended> {
        let deadline = before.until.unwrap_or_else(Instant::now).max(Instant::now());
        let deadline = deadline + before.bound.max(MIN_OUTAGE_TOLERANCE);
        let mut delay = RETRY_DELAYS.0;
        loop {
            let ended = match self.authenticate(&before.caller, deadline).await {
                Authentication::Unavailable(outage)
                    if !is_revoked && Instant::now() + delay < deadline =>
                {
                    tracing::debug!(
                        ?outage,
                        "the credential of a connection cannot be revalidated yet"
                    );
                    sleep(delay.mul_f64(random_between(0.5, 1.0))).await;
                    delay = (delay * 2).min(RETRY_DELAYS.1);
                    continue;
                }
                Authentication::Unavailable(outage) => Ended::Unavailable(outage),
                Authentication::Caller(again) => {
                    match reason_to_end(&again, &before.caller, is_revoked) {
                        None => return Ok(again),
                        Some(ended) => ended,
                    }
                }
                Authentication::Rejected(rejection) => Ended::Rejected(rejection),
                Authentication::Anonymous | Authentication::CrossSite(_) => {
                    rejected(Check::Form, "no credential is presented")
                }
            };
            return Err(match ended {
                Ended::Rejected(_) if before.has_expired() => Ended::Expired,
                ended => ended,
            });
        }
    }

    /// Authenticates the credential, confirmed at the auth server later than `before` was, if it can be. Few
    /// connections do so at once; without a permit before `deadline`, no request is sent.
    async fn authenticate(&self, before: &Caller, deadline: Instant) -> Authentication {
        let proof = before.proof();
        let permit = match proof.was_validated {
            true => timeout_at(deadline, self.authenticator().watchers.acquire()).await.map(Some),
            false => Ok(None),
        };
        let Ok(_permit) = permit else {
            return Authentication::Unavailable(Unavailable::of(RETRY_DELAYS.1));
        };
        let since = match (proof.was_validated, before.is_current()) {
            (true, _) => proof.confirmed_at + TimeDelta::microseconds(1),
            // The cookie cache expired; its session may still be valid.
            (false, false) => proof.expires_at,
            (false, true) => Timestamp::MIN_UTC,
        };
        self.credentials.authenticate_since(since).await
    }
}

/// Why a connection of `before` cannot continue as `again`; none when it can.
fn reason_to_end(again: &Caller, before: &Caller, is_revoked: bool) -> Option<Ended> {
    if again.id() != before.id() {
        return Some(rejected(Check::Subject, "it belongs to another user now"));
    }
    if !again.is_current() {
        return Some(Ended::Expired);
    }
    (is_revoked || !again.same_rights_as(before)).then_some(Ended::Changed)
}

fn rejected(check: Check, reason: &'static str) -> Ended {
    Ended::Rejected(CredentialRejected { check, reason })
}

/// Waits for the next revalidation: after a random fraction of the bound, or when the credential expires.
async fn wait_for_next_check(status: &Status) {
    let after = status.bound.mul_f64(random_between(REVALIDATION_SPREAD.0, REVALIDATION_SPREAD.1));
    let began = Instant::now();
    let age_then = status.caller.age().unwrap_or_default();
    loop {
        let age = match status.until {
            Some(_) => status.caller.age().unwrap_or(Duration::MAX).max(age_then + began.elapsed()),
            None => began.elapsed(),
        };
        let left = after.saturating_sub(age).min(status.caller.remaining());
        if left.is_zero() || !status.caller.is_current() {
            return;
        }
        sleep(left.min(CHECK_INTERVAL)).await;
    }
}

/// A random number in this range.
fn random_between(low: f64, high: f64) -> f64 {
    let mut bytes = [0; 4];
    // Without random numbers there is no jitter; nothing else depends on them.
    let _ = rand::fill(&mut bytes);
    low + (high - low) * f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// Holds back what a connection would deliver while its credential is not known to be valid.
#[derive(Clone)]
pub struct Gate(Option<watch::Receiver<Status>>);

impl Gate {
    /// The gate of a connection without a credential.
    #[must_use]
    pub fn always_open() -> Self {
        Self(None)
    }

    /// Waits until the credential is known to be valid. If it is no longer valid, the connection ends
    /// meanwhile.
    pub async fn open(&mut self) {
        let Some(status) = &mut self.0 else { return };
        while !status.borrow_and_update().is_valid() {
            if status.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Whether the credential expired.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        self.0.as_ref().is_some_and(|status| status.borrow().has_expired())
    }
}
