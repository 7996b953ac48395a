//! Circuit breaker: after repeated failures, an endpoint gets no requests for some seconds.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures of this total weight, without a success between them, open the circuit …
const FAILURE_THRESHOLD: u32 = 50;
/// … if each request began within this time of the failure before: failures spread over hours do not.
const WINDOW: Duration = Duration::from_secs(10);
/// The weight of a timeout, if no request succeeded meanwhile. Each holds its caller for `AUTH_TIMEOUT`, and the
/// bulkhead admits few at a time: a server that hangs would not reach the threshold by their number.
const TIMEOUT_WEIGHT: u32 = 10;
/// How long it stays open at first. Each failed trial doubles it.
const MIN_OPEN: Duration = Duration::from_secs(1);
/// How long it stays open at most: even after a trial that took `AUTH_TIMEOUT`, recovery is
/// detected within ten seconds.
const MAX_OPEN: Duration = Duration::from_secs(3);
/// How long to wait for the trial of another request.
const TRIAL_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Counts consecutive failures, and rejects requests while open.
#[derive(Default)]
pub(crate) struct CircuitBreaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    last_failure: Option<Instant>,
    last_success: Option<Instant>,
    open: Option<Open>,
}

/// An open or half-open circuit.
struct Open {
    since: Instant,
    opened_for: Duration,
    by: Failure,
    /// Until when a trial runs, of which there is one at a time.
    trial_until: Option<Instant>,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It was refused, cut off, or answered with a server error.
    Error,
    /// It was not answered within `AUTH_TIMEOUT`.
    Timeout,
}

/// A request that the breaker allowed.
#[derive(Debug)]
pub(crate) struct Attempt {
    began: Instant,
}

impl CircuitBreaker {
    /// Fails with the time to wait, while no request is allowed.
    pub(crate) fn check(&self) -> Result<(), Duration> {
        let wait = self.lock().wait(Instant::now());
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// Allows a request that takes at most `timeout`, or returns how long to wait. After the wait (half-open), the
    /// first failure opens the circuit again, and the first success closes it. If the server failed at once, all
    /// requests are allowed; if it hung, one at a time, so that the others fail at once.
    pub(crate) fn begin(&self, timeout: Duration) -> Result<Attempt, Duration> {
        let (mut state, began) = (self.lock(), Instant::now());
        let wait = state.wait(began);
        if !wait.is_zero() {
            return Err(wait);
        }
        if let Some(open) = &mut state.open
            && open.by == Failure::Timeout
        {
            open.trial_until = Some(began + timeout);
        }
        Ok(Attempt { began })
    }

    /// Records a success, and closes the circuit.
    pub(crate) fn record_success(&self) {
        let mut state = self.lock();
        if state.open.is_some() {
            tracing::info!("circuit breaker closed: the auth server responds again");
        }
        *state = State { last_success: Some(Instant::now()), ..State::default() };
    }

    /// Records a failure. Returns the open interval if this failure opens the circuit.
    pub(crate) fn record_failure(&self, attempt: &Attempt, failure: Failure) -> Option<Duration> {
        let (mut state, now) = (self.lock(), Instant::now());
        let opened_for = match &state.open {
            // A request from before it opened.
            Some(open) if attempt.began < open.since + open.opened_for => return None,
            Some(open) => (open.opened_for * 2).min(MAX_OPEN),
            None => {
                state.count(attempt, failure, now);
                if state.failures < FAILURE_THRESHOLD {
                    return None;
                }
                MIN_OPEN
            }
        };
        state.open = Some(Open { since: now, opened_for, by: failure, trial_until: None });
        Some(opened_for)
    }

    /// Whether the circuit is open.
    pub(crate) fn is_open(&self) -> bool {
        self.check().is_err()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds the weight of a failure to those before it.
    fn count(&mut self, attempt: &Attempt, failure: Failure, now: Instant) {
        let continues = self.last_failure.is_some_and(|last| attempt.began < last + WINDOW);
        let is_alone = self.last_success.is_none_or(|success| success < attempt.began);
        let weight = if failure == Failure::Timeout && is_alone { TIMEOUT_WEIGHT } else { 1 };
        let before = if continues { self.failures } else { 0 };
        self.failures = before.saturating_add(weight);
        self.last_failure = Some(now);
    }

    /// The time until a request is allowed.
    fn wait(&self, now: Instant) -> Duration {
        let Some(open) = &self.open else { return Duration::ZERO };
        let left = (open.since + open.opened_for).saturating_duration_since(now);
        let is_tried = open.trial_until.is_some_and(|until| now < until);
        if left.is_zero() && is_tried { TRIAL_RETRY_AFTER } else { left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    async fn time_out(breaker: &CircuitBreaker, count: usize) -> Option<Duration> {
        let attempts: Vec<_> = (0..count).map_while(|_| breaker.begin(TIMEOUT).ok()).collect();
        tokio::time::advance(TIMEOUT).await;
        let failed = |attempt| breaker.record_failure(attempt, Failure::Timeout);
        attempts.iter().filter_map(failed).last()
    }

    #[tokio::test(start_paused = true)]
    async fn circuit_opens_after_few_timeouts() {
        let breaker = CircuitBreaker::default();
        assert_eq!(time_out(&breaker, 4).await, None);
        assert_eq!(time_out(&breaker, 1).await, Some(MIN_OPEN));
        assert_eq!(breaker.check(), Err(MIN_OPEN));
    }

    #[tokio::test(start_paused = true)]
    async fn circuit_opens_after_timeouts_one_by_one() {
        let breaker = CircuitBreaker::default();
        for _ in 0..4 {
            assert_eq!(time_out(&breaker, 1).await, None);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(time_out(&breaker, 1).await, Some(MIN_OPEN));
    }

    #[tokio::test(start_paused = true)]
    async fn timeouts_spread_over_hours_are_apart() {
        let breaker = CircuitBreaker::default();
        for _ in 0..100 {
            assert_eq!(time_out(&breaker, 1).await, None);
            tokio::time::advance(WINDOW).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn timeouts_beside_a_success_weigh_little() {
        let breaker = CircuitBreaker::default();
        let stuck: Vec<_> = (0..16).filter_map(|_| breaker.begin(TIMEOUT).ok()).collect();
        tokio::time::advance(Duration::from_secs(1)).await;
        breaker.record_success();
        tokio::time::advance(Duration::from_secs(4)).await;
        for attempt in &stuck {
            assert_eq!(breaker.record_failure(attempt, Failure::Timeout), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn hanging_server_gets_one_trial_at_a_time() {
        let breaker = CircuitBreaker::default();
        let late = breaker.begin(TIMEOUT).unwrap();
        time_out(&breaker, 5).await;
        tokio::time::advance(MIN_OPEN).await;
        let trial = breaker.begin(TIMEOUT).unwrap();
        assert_eq!(breaker.check(), Err(TRIAL_RETRY_AFTER), "others do not wait for the timeout");
        assert_eq!(breaker.record_failure(&late, Failure::Timeout), None, "it began before");
        assert!(breaker.is_open());
        tokio::time::advance(TIMEOUT).await;
        let opened_for = breaker.record_failure(&trial, Failure::Timeout);
        assert_eq!(opened_for, Some(MIN_OPEN * 2), "a failed trial opens it for longer");
        tokio::time::advance(MIN_OPEN * 2).await;
        breaker.begin(TIMEOUT).unwrap();
        breaker.record_success();
        assert_eq!(breaker.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_fails_at_once_gets_all_trials() {
        let breaker = CircuitBreaker::default();
        for _ in 0..FAILURE_THRESHOLD {
            let attempt = breaker.begin(TIMEOUT).unwrap();
            breaker.record_failure(&attempt, Failure::Error);
        }
        assert_eq!(breaker.check(), Err(MIN_OPEN));
        tokio::time::advance(MIN_OPEN).await;
        assert!((0..50).all(|_| breaker.begin(TIMEOUT).is_ok()));
    }
}
