//! Timeouts of a connection: its phase, and the deadline of that phase.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a client may take to send the head of a request, from its first byte on.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may take to read a response, plus the time that its size takes at `MIN_READ_RATE`.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Minimum read rate of a client that makes the server wait, in bytes per second.
pub(super) const MIN_READ_RATE: u64 = 16 * 1024;

/// How long a client may take to read a message of this many bytes.
pub(in crate::http) fn write_timeout(bytes: usize) -> Duration {
    WRITE_TIMEOUT + Duration::from_secs(bytes as u64 / MIN_READ_RATE)
}

/// How long an HTTP/2 client may take to close a connection after GOAWAY.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The phase of a connection, and its timers.
pub(super) struct Progress {
    keep_alive: Duration,
    state: Mutex<State>,
}

struct State {
    is_busy: bool,
    is_http2: bool,
    /// Whether GOAWAY is sent.
    is_closing: bool,
    /// When it became idle, and how long it may stay idle.
    idle_since: Instant,
    timeout: Duration,
    /// When the first byte of the next request's head arrived.
    head_began: Option<Instant>,
    /// Since when writes are blocked, and the bytes written since then.
    blocked: Option<(Instant, u64)>,
}

impl Progress {
    /// A connection that waits `first_timeout` for its first request, and `keep_alive` for each further one.
    pub(super) fn new(first_timeout: Duration, keep_alive: Duration) -> Self {
        let state = State {
            is_busy: false,
            is_http2: false,
            is_closing: false,
            idle_since: Instant::now(),
            timeout: first_timeout,
            head_began: None,
            blocked: None,
        };
        Self { keep_alive, state: Mutex::new(state) }
    }

    /// A request begins.
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
        state.timeout = if state.is_closing { CLOSE_TIMEOUT } else { self.keep_alive };
    }

    /// The client speaks HTTP/2: frames other than heads may arrive while the connection is idle.
    pub(super) fn is_http2(&self) {
        let mut state = self.state();
        state.is_http2 = true;
        state.head_began = None;
        state.idle_since = Instant::now();
        state.timeout = state.timeout.max(HEAD_TIMEOUT);
    }

    /// The head of an HTTP/2 request is complete.
    pub(super) fn head_ended(&self) {
        self.state().head_began = None;
    }

    /// GOAWAY is sent: the connection has a moment to close once it is idle.
    pub(super) fn close_soon(&self) {
        let mut state = self.state();
        state.is_closing = true;
        if !state.is_busy {
            state.idle_since = Instant::now();
            state.timeout = CLOSE_TIMEOUT;
        }
    }

    /// Whether an expired connection gets GOAWAY first: an idle HTTP/2 connection.
    pub(super) fn wants_goaway(&self) -> bool {
        let state = self.state();
        let is_idle = !state.is_busy && state.blocked.is_none() && state.head_began.is_none();
        state.is_http2 && is_idle && !state.is_closing
    }

    /// Bytes arrived: the head of the next request, unless a request is running.
    pub(super) fn received(&self) {
        let mut state = self.state();
        if !state.is_busy && state.head_began.is_none() {
            state.head_began = Some(Instant::now());
        }
    }

    /// A write is blocked.
    pub(super) fn blocked(&self) {
        self.state().blocked = Some((Instant::now(), 0));
    }

    /// `bytes` were written.
    pub(super) fn wrote(&self, bytes: usize) {
        if let Some((_, written)) = &mut self.state().blocked {
            *written += bytes as u64;
        }
    }

    /// Everything was written.
    pub(super) fn flushed(&self) {
        self.state().blocked = None;
    }

    /// Whether the connection is over the timeout of its phase.
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        let state = self.state();
        let (since, timeout) = match (state.blocked, state.head_began) {
            (Some((since, written)), _) => {
                (since, WRITE_TIMEOUT + Duration::from_secs(written / MIN_READ_RATE))
            }
            (None, _) if state.is_busy => return false,
            (None, Some(began)) => (began, HEAD_TIMEOUT),
            (None, None) => (state.idle_since, state.timeout),
        };
        now.saturating_duration_since(since) > timeout
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

    /// The seconds from now until the connection is closed; `None` if it stays open for an hour.
    fn closed_after(progress: &Progress) -> Option<u64> {
        let now = Instant::now();
        (0..3600).find(|seconds| progress.is_expired(now + Duration::from_secs(*seconds)))
    }

    #[test]
    fn timeout_depends_on_the_phase() {
        let progress = Progress::new(FIRST, KEEP_ALIVE);
        let within = |seconds: u64| Some(seconds)..=Some(seconds + 1);
        assert!(within(5).contains(&closed_after(&progress)), "the first byte");
        progress.received();
        assert!(within(20).contains(&closed_after(&progress)), "the rest of the head");
        progress.began();
        assert_eq!(closed_after(&progress), None, "a running request");
        progress.received();
        progress.ended();
        assert!(within(75).contains(&closed_after(&progress)), "the next request");
        progress.received();
        assert!(within(20).contains(&closed_after(&progress)), "the next head");
    }

    #[test]
    fn idle_http2_connection_gets_goaway_first() {
        let progress = Progress::new(FIRST, KEEP_ALIVE);
        let within = |seconds: u64| Some(seconds)..=Some(seconds + 1);
        progress.received();
        assert!(!progress.wants_goaway());
        progress.is_http2();
        assert!(within(20).contains(&closed_after(&progress)), "the first head");
        progress.began();
        progress.ended();
        assert!(within(75).contains(&closed_after(&progress)));
        assert!(progress.wants_goaway());
        progress.received();
        assert!(within(20).contains(&closed_after(&progress)), "a head has begun");
        assert!(!progress.wants_goaway());
        progress.head_ended();
        progress.close_soon();
        assert!(within(2).contains(&closed_after(&progress)), "the client does not close it");
        assert!(!progress.wants_goaway());
        progress.began();
        assert_eq!(closed_after(&progress), None, "requests before GOAWAY complete");
        progress.ended();
        assert!(within(2).contains(&closed_after(&progress)));
    }

    #[test]
    fn slow_reader_gets_time_per_byte_read() {
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
