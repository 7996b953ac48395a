//! Circuit breaker: after repeated failures, an endpoint gets no requests for a moment.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many failures in a row …
const FAILURE_THRESHOLD: u32 = 50;
/// … within so long open it: a single slow answer, or a quiet hour with a bad night, does not.
const WINDOW: Duration = Duration::from_secs(10);
/// How long it stays open at first. Each trial that fails doubles it.
const MIN_OPEN: Duration = Duration::from_secs(1);
/// How long it stays open at most: with a trial that hung for `AUTH_TIMEOUT` before, what is well again
/// is noticed within ten seconds.
const MAX_OPEN: Duration = Duration::from_secs(3);

/// Counts failures in a row, and says when not to ask.
#[derive(Default)]
pub(crate) struct CircuitBreaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    first_failure: Option<Instant>,
    open_until: Option<Instant>,
    opened_for: Duration,
}

impl CircuitBreaker {
    /// Whether to ask now; else how long to wait. When the wait is over, everybody may ask again: the
    /// first failure opens it anew, the first answer closes it.
    pub(crate) fn allow(&self) -> Result<(), Duration> {
        let left = self.lock().time_until_half_open();
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    /// It answered.
    pub(crate) fn record_success(&self) {
        let mut state = self.lock();
        if state.open_until.is_some() {
            tracing::info!("the auth server answers again");
        }
        *state = State::default();
    }

    /// It did not. Says for how long it is not asked, when this opens the breaker.
    pub(crate) fn record_failure(&self) -> Option<Duration> {
        let mut state = self.lock();
        if !state.time_until_half_open().is_zero() {
            // Asked before it opened: that is known by now.
            return None;
        }
        let fresh = state.first_failure.is_some_and(|first| first.elapsed() < WINDOW);
        if state.open_until.is_none() && !fresh {
            state.failures = 0;
            state.first_failure = Some(Instant::now());
        }
        state.failures = state.failures.saturating_add(1);
        if state.open_until.is_none() && state.failures < FAILURE_THRESHOLD {
            return None;
        }
        state.opened_for = match state.open_until {
            None => MIN_OPEN,
            Some(_) => (state.opened_for * 2).min(MAX_OPEN),
        };
        state.open_until = Some(Instant::now() + state.opened_for);
        Some(state.opened_for)
    }

    /// Whether it is not asked at present.
    pub(crate) fn is_open(&self) -> bool {
        !self.lock().time_until_half_open().is_zero()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long it is not to be asked yet.
    fn time_until_half_open(&self) -> Duration {
        let until = self.open_until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}
