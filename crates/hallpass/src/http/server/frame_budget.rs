//! Control frames that a client may send on an HTTP/2 connection.
//!
//! h2 limits CONTINUATION frames of a head, small DATA frames, and streams that are reset before they are accepted. All
//! other frames take time of the server as well, and are limited here. Those that requests and responses explain are not
//! counted: a client opens its window for each frame of data that it reads, and sets the priority of each request.

use std::time::{Duration, Instant};

/// Control frames within a `WINDOW`, beside those that are explained.
const MAX_CONTROL_FRAMES: u32 = 2_000;
const WINDOW: Duration = Duration::from_secs(10);
/// Sent bytes that explain a frame: clients that open two windows for a short event of a stream are within it.
const BYTES_PER_FRAME: usize = 32;
/// Frames that a request explains: the end of its body, its window, its priority.
const FRAMES_PER_REQUEST: usize = 3;
/// Limit of the bytes that explain later frames.
const MAX_CREDIT_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct FrameBudget {
    window_began: Instant,
    /// Frames that nothing explains.
    counted: u32,
    /// Sent bytes that explain further frames.
    credit: usize,
}

impl FrameBudget {
    pub(super) fn new(now: Instant) -> Self {
        Self { window_began: now, counted: 0, credit: 0 }
    }

    /// Frames arrive at `now`.
    pub(super) fn advance(&mut self, now: Instant) {
        if now.saturating_duration_since(self.window_began) > WINDOW {
            (self.window_began, self.counted) = (now, 0);
        }
    }

    /// `bytes` are sent to the client.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_add(bytes).min(MAX_CREDIT_BYTES);
    }

    /// A request arrives.
    pub(super) fn request(&mut self) {
        self.sent(FRAMES_PER_REQUEST * BYTES_PER_FRAME);
    }

    /// A frame arrives that requests and responses may explain.
    pub(super) fn explainable(&mut self) {
        match self.credit.checked_sub(BYTES_PER_FRAME) {
            Some(rest) => self.credit = rest,
            None => self.unexplained(),
        }
    }

    /// A frame arrives that nothing explains.
    pub(super) fn unexplained(&mut self) {
        self.counted = self.counted.saturating_add(1);
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.counted > MAX_CONTROL_FRAMES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames that are accepted at `now`, at most 100,000.
    fn accepted(budget: &mut FrameBudget, frame: fn(&mut FrameBudget), now: Instant) -> usize {
        budget.advance(now);
        let accepted = (0..100_000).take_while(|_| {
            frame(budget);
            !budget.is_exceeded()
        });
        accepted.count()
    }

    #[test]
    fn sent_bytes_and_requests_explain_frames() {
        let now = Instant::now();
        let (explainable, unexplained): (fn(&mut _), fn(&mut _)) =
            (FrameBudget::explainable, FrameBudget::unexplained);
        let mut budget = FrameBudget::new(now);
        budget.sent(320);
        budget.request();
        assert_eq!(accepted(&mut budget, explainable, now), 2_013);
        let later = now + Duration::from_secs(11);
        assert_eq!(accepted(&mut budget, explainable, later), 2_000);
        let mut budget = FrameBudget::new(now);
        budget.sent(usize::MAX);
        assert_eq!(accepted(&mut budget, unexplained, now), 2_000, "the credit is not for them");
        assert_eq!(accepted(&mut budget, explainable, later), 32_768 + 2_000, "it is limited");
    }
}
