//! Circuit breaker: after repeated failures, an endpoint gets no requests for some seconds.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// This many consecutive failures …
const FAILURE_THRESHOLD: u32 = 50;
/// … within this time open the circuit: a single slow response, or failures spread over hours, do not.
const WINDOW: Duration = Duration::from_secs(10);
/// How long it stays open at first. Each failed trial doubles it.
const MIN_OPEN: Duration = Duration::from_secs(1);
/// How long it stays open at most: even after a trial that took `AUTH_TIMEOUT`, recovery is
/// detected within ten seconds.
const MAX_OPEN: Duration = Duration::from_secs(3);

/// Counts consecutive failures, and rejects requests while open.
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
    /// Allows a request, or returns how long to wait. After the wait (half-open), all requests are
    /// allowed: the first failure opens it again, the first success closes it.
    pub(crate) fn allow(&self) -> Result<(), Duration> {
        let left = self.lock().time_until_half_open();
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    /// Records a success, and closes the circuit.
    pub(crate) fn record_success(&self) {
        let mut state = self.lock();
        if state.open_until.is_some() {
            tracing::info!("circuit breaker closed: the auth server responds again");
        }
        *state = State::default();
    }

    /// Records a failure. Returns the open interval if this failure opens the circuit.
    pub(crate) fn record_failure(&self) -> Option<Duration> {
        let mut state = self.lock();
        if !state.time_until_half_open().is_zero() {
            // A request from before it opened.
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

    /// Whether the circuit is open.
    pub(crate) fn is_open(&self) -> bool {
        !self.lock().time_until_half_open().is_zero()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The remaining open interval.
    fn time_until_half_open(&self) -> Duration {
        let until = self.open_until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}
