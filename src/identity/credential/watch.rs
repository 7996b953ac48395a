//! The credential of a connection that lasts, a socket or a stream, checked for as long as it is open.
//!
//! What the auth server has to be asked about is asked about again before `SESSION_CACHE_TTL` is over: by each
//! connection at a time of its own, and by few at once. While no answer comes, the [`Gate`] holds back what the
//! connection would deliver, so that a sign-out counts within the bound whatever the auth server does.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use chrono::TimeDelta;
use hallpass_entity::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::presented::PresentedCredentials;
use crate::identity::caller::Caller;
use crate::identity::error::{Check, CredentialRejected, Unavailable};
use crate::identity::revocation::RevocationSet;
use crate::identity::{Authentication, Authenticator};

/// How often the wall clock is looked at: monotonic timers stand still while a virtual machine is paused.
const CHECK_INTERVAL: Duration = Duration::from_secs(3);
/// The shortest time for which a connection relies on an answer of the auth server.
const MIN_REVALIDATION_INTERVAL: Duration = Duration::from_secs(1);
/// The parts of that time after which it is asked again: at the earliest, and at the latest.
const REVALIDATION_SPREAD: (f64, f64) = (0.5, 0.9);
/// How long the auth server is tried again once that time is over, if that is not shorter itself.
const MIN_OUTAGE_TOLERANCE: Duration = Duration::from_secs(5);
/// The first pause between two tries, which doubles, and the longest.
const RETRY_DELAYS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));
/// How many connections ask the auth server again at once.
pub(crate) const MAX_CONCURRENT: usize = 8;

/// Why a credential that was good does not count any more.
#[derive(Clone, Copy, Debug)]
pub enum Ended {
    /// Its time is over.
    Expired,
    /// It was revoked, or the auth server refuses it now.
    Refused(CredentialRejected),
    /// The caller may do other things than before.
    Changed,
    /// The auth server could not tell for too long.
    Unavailable(Unavailable),
}

/// A caller, and until when that may be relied on without asking again.
#[derive(Clone)]
struct Status {
    caller: Arc<Caller>,
    bound: Duration,
    /// The bound as a monotonic deadline; none for what signs for itself.
    until: Option<Instant>,
    revocations: Arc<RevocationSet>,
}

impl Status {
    fn of(caller: Arc<Caller>, authenticator: &Authenticator) -> Self {
        let bound = authenticator.session_ttl.max(MIN_REVALIDATION_INTERVAL);
        let revocations = Arc::clone(&authenticator.revocations);
        let until = caller.proof().was_asked.then(|| {
            let left = bound.saturating_sub(caller.age().unwrap_or_default());
            Instant::now() + left
        });
        Self { caller, bound, until, revocations }
    }

    /// Whether it may be relied on now: by both clocks, and by what was revoked.
    fn is_valid(&self) -> bool {
        let is_recent = self.until.is_none_or(|until| {
            Instant::now() < until && self.caller.age().is_some_and(|age| age < self.bound)
        });
        self.caller.is_current() && is_recent && !self.revocations.applies_to(&self.caller)
    }

    /// Whether its time is over, and it was not revoked before.
    fn has_expired(&self) -> bool {
        !self.caller.is_current() && !self.revocations.applies_to(&self.caller)
    }
}

/// Watches the credential of one connection.
pub struct Watch {
    evidence: Arc<PresentedCredentials>,
    standing: watch::Sender<Status>,
}

impl PresentedCredentials {
    /// Watches the credential, which showed `caller` when the connection began.
    #[must_use]
    pub fn watch(self: &Arc<Self>, caller: Arc<Caller>) -> Watch {
        let standing = watch::Sender::new(Status::of(caller, self.authenticator()));
        Watch { evidence: Arc::clone(self), standing }
    }
}

impl Watch {
    /// Lets through what may be delivered.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate(Some(self.standing.subscribe()))
    }

    /// Waits until the credential does not count any more, and says why.
    pub async fn wait_until_invalid(&self) -> Ended {
        loop {
            let standing = self.standing.borrow().clone();
            let is_revoked = tokio::select! {
                () = standing.revocations.wait_until_revoked(&standing.caller) => true,
                () = wait_for_next_check(&standing) => false,
            };
            match self.revalidate(&standing, is_revoked).await {
                Ok(caller) => {
                    self.standing.send_replace(Status::of(caller, self.authenticator()));
                }
                Err(ended) => return ended,
            }
        }
    }

    fn authenticator(&self) -> &Authenticator {
        self.evidence.authenticator()
    }

    /// Finds out who shows the credential now; where that cannot be told, again and again until its time
    /// and some more is over. What was revoked is not waited for.
    async fn revalidate(&self, before: &Status, is_revoked: bool) -> Result<Arc<Caller>, Ended> {
        let last = before.until.unwrap_or_else(Instant::now).max(Instant::now());
        let last = last + before.bound.max(MIN_OUTAGE_TOLERANCE);
        let mut pause = RETRY_DELAYS.0;
        loop {
            let ended = match self.authenticate(&before.caller, last).await {
                Authentication::Unavailable(outage)
                    if !is_revoked && Instant::now() + pause < last =>
                {
                    tracing::debug!(?outage, "a connection's credential cannot be confirmed yet");
                    sleep(pause.mul_f64(random_between(0.5, 1.0))).await;
                    pause = (pause * 2).min(RETRY_DELAYS.1);
                    continue;
                }
                Authentication::Unavailable(outage) => Ended::Unavailable(outage),
                Authentication::Caller(again) => {
                    match compare(&again, &before.caller, is_revoked) {
                        None => return Ok(again),
                        Some(ended) => ended,
                    }
                }
                Authentication::Refused(refusal) => Ended::Refused(refusal),
                Authentication::Anonymous | Authentication::CrossSite(_) => {
                    on_rejection(Check::Form, "it is not shown")
                }
            };
            return Err(match ended {
                Ended::Refused(_) if before.has_expired() => Ended::Expired,
                ended => ended,
            });
        }
    }

    /// Who shows it now, as the auth server confirmed it after `before` where it can be asked. Few ask at
    /// once; whose turn does not come before `last` does not ask.
    async fn authenticate(&self, before: &Caller, last: Instant) -> Authentication {
        let proof = before.proof();
        let turn = match proof.was_asked {
            true => timeout_at(last, self.authenticator().watchers.acquire()).await.map(Some),
            false => Ok(None),
        };
        let Ok(_turn) = turn else {
            return Authentication::Unavailable(Unavailable::of(RETRY_DELAYS.1));
        };
        let since = match (proof.was_asked, before.is_current()) {
            (true, _) => proof.confirmed_at + TimeDelta::microseconds(1),
            // A cookie cache is over; the session that it describes may go on.
            (false, false) => proof.expires_at,
            (false, true) => Timestamp::MIN_UTC,
        };
        self.evidence.authenticate_since(since).await
    }
}

/// Why what goes on for `before` cannot go on for `again`; none where it can.
fn compare(again: &Caller, before: &Caller, is_revoked: bool) -> Option<Ended> {
    if again.id() != before.id() {
        return Some(on_rejection(Check::Subject, "it belongs to another user now"));
    }
    if !again.is_current() {
        return Some(Ended::Expired);
    }
    (is_revoked || !again.same_rights_as(before)).then_some(Ended::Changed)
}

fn on_rejection(check: Check, reason: &'static str) -> Ended {
    Ended::Refused(CredentialRejected { check, reason })
}

/// Waits until it is time to look again: at a random part of the bound, and when the credential ends.
async fn wait_for_next_check(standing: &Status) {
    let after =
        standing.bound.mul_f64(random_between(REVALIDATION_SPREAD.0, REVALIDATION_SPREAD.1));
    let began = Instant::now();
    let age_then = standing.caller.age().unwrap_or_default();
    loop {
        let age = match standing.until {
            Some(_) => {
                standing.caller.age().unwrap_or(Duration::MAX).max(age_then + began.elapsed())
            }
            None => began.elapsed(),
        };
        let left = after.saturating_sub(age).min(standing.caller.remaining());
        if left.is_zero() || !standing.caller.is_current() {
            return;
        }
        sleep(left.min(CHECK_INTERVAL)).await;
    }
}

/// A random number between these.
fn random_between(low: f64, high: f64) -> f64 {
    let mut bytes = [0; 4];
    // Without random numbers there is no jitter, and nothing worse.
    let _ = rand::fill(&mut bytes);
    low + (high - low) * f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// Holds back what a connection would deliver, for as long as its credential is not known to count.
#[derive(Clone)]
pub struct Gate(Option<watch::Receiver<Status>>);

impl Gate {
    /// The gate of a connection without a credential, which nothing ends.
    #[must_use]
    pub fn always_open() -> Self {
        Self(None)
    }

    /// Waits until the credential is known to count. Where it does not any more, the connection ends
    /// meanwhile.
    pub async fn open(&mut self) {
        let Some(standing) = &mut self.0 else { return };
        while !standing.borrow_and_update().is_valid() {
            if standing.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Whether the time of the credential is over.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        self.0.as_ref().is_some_and(|standing| standing.borrow().has_expired())
    }
}
