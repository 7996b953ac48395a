//! Timeouts of a connection: its phase, and the deadline of that phase.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a client may take to send the head of a request, from its first byte on.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may take to read an answer, besides the time that its size takes at `SLOWEST_READER`.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// How fast a client has to read an answer, in bytes per second, once it makes the server wait.
const MIN_READ_RATE: u64 = 16 * 1024;

/// What a connection does now.
pub(super) struct Progress {
    keep_alive: Duration,
    state: Mutex<State>,
}

struct State {
    is_busy: bool,
    /// When it became idle, and for how long it may be.
    idle_since: Instant,
    patience: Duration,
    /// When the first byte of the next request's head arrived.
    head_began: Option<Instant>,
    /// Since when the client makes an answer wait, and how many bytes it took since.
    blocked: Option<(Instant, u64)>,
}

impl Progress {
    /// A connection that waits for its first request for `first_patience`, and for each further one for
    /// `keep_alive`.
    pub(super) fn new(first_patience: Duration, keep_alive: Duration) -> Self {
        let state = State {
            is_busy: false,
            idle_since: Instant::now(),
            patience: first_patience,
            head_began: None,
            blocked: None,
        };
        Self { keep_alive, state: Mutex::new(state) }
    }

    /// A request is under way.
    pub(super) fn began(&self) {
        let mut state = self.state();
        state.is_busy = true;
        state.head_began = None;
    }

    /// The connection is idle.
    pub(super) fn ended(&self) {
        let mut state = self.state();
        state.is_busy = false;
        state.idle_since = Instant::now();
        state.patience = self.keep_alive;
    }

    /// Bytes arrived: the head of a request, unless one is under way.
    pub(super) fn received(&self) {
        let mut state = self.state();
        if !state.is_busy && state.head_began.is_none() {
            state.head_began = Some(Instant::now());
        }
    }

    /// The client does not take what is sent.
    pub(super) fn blocked(&self) {
        self.state().blocked = Some((Instant::now(), 0));
    }

    /// It took `bytes`.
    pub(super) fn wrote(&self, bytes: usize) {
        if let Some((_, written)) = &mut self.state().blocked {
            *written += bytes as u64;
        }
    }

    /// It took everything.
    pub(super) fn flushed(&self) {
        self.state().blocked = None;
    }

    /// Whether the connection took longer than it may.
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        let state = self.state();
        let (since, patience) = match (state.blocked, state.head_began) {
            (Some((since, written)), _) => {
                (since, WRITE_TIMEOUT + Duration::from_secs(written / MIN_READ_RATE))
            }
            (None, _) if state.is_busy => return false,
            (None, Some(began)) => (began, HEAD_TIMEOUT),
            (None, None) => (state.idle_since, state.patience),
        };
        now.saturating_duration_since(since) > patience
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(5);
    const KEEP_ALIVE: Duration = Duration::from_secs(75);

    /// After how many seconds from now the connection is closed; none where it is within an hour.
    fn closed_after(progress: &Progress) -> Option<u64> {
        let now = Instant::now();
        (0..3600).find(|seconds| progress.is_expired(now + Duration::from_secs(*seconds)))
    }

    #[test]
    fn patience_depends_on_what_is_awaited() {
        let progress = Progress::new(FIRST, KEEP_ALIVE);
        let within = |seconds: u64| Some(seconds)..=Some(seconds + 1);
        assert!(within(5).contains(&closed_after(&progress)), "the first byte");
        progress.received();
        assert!(within(20).contains(&closed_after(&progress)), "the rest of the head");
        progress.began();
        assert_eq!(closed_after(&progress), None, "a request under way");
        progress.received();
        progress.ended();
        assert!(within(75).contains(&closed_after(&progress)), "the next request");
        progress.received();
        assert!(within(20).contains(&closed_after(&progress)), "the next head");
    }

    #[test]
    fn slow_reader_has_time_in_proportion_to_what_it_reads() {
        let progress = Progress::new(FIRST, KEEP_ALIVE);
        progress.began();
        progress.blocked();
        assert!((Some(20)..=Some(21)).contains(&closed_after(&progress)), "it reads nothing");
        progress.wrote(10);
        assert!((Some(20)..=Some(21)).contains(&closed_after(&progress)), "it reads some bytes");
        progress.wrote(1024 * 1024);
        assert!((Some(84)..=Some(85)).contains(&closed_after(&progress)), "it reads a megabyte");
        progress.flushed();
        assert_eq!(closed_after(&progress), None);
    }
}
