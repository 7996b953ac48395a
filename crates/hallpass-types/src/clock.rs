//! The one place that reads the wall clock.

use chrono::{DateTime, SubsecRound, Utc};

/// A moment in UTC, to the microsecond.
pub type Timestamp = DateTime<Utc>;

/// The present, cut to the microsecond: PostgreSQL keeps no more, and a row must read back as written.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the clock is read here only")]
pub fn now() -> Timestamp {
    let present = Utc::now();
    #[cfg(feature = "testing")]
    let present = present + testing::offset();
    present.trunc_subsecs(6)
}

/// A wall clock that tests can step.
#[cfg(feature = "testing")]
pub mod testing {
    use std::cell::Cell;

    use chrono::TimeDelta;

    thread_local! {
        // A test runs on a thread of its own, with the server that it starts.
        static OFFSET: Cell<TimeDelta> = const { Cell::new(TimeDelta::zero()) };
    }

    pub(super) fn offset() -> TimeDelta {
        OFFSET.get()
    }

    /// Steps the wall clock of this thread, as after a pause of a virtual machine or a correction by NTP.
    /// Monotonic clocks do not move.
    pub fn step_clock(by: TimeDelta) {
        OFFSET.set(OFFSET.get() + by);
    }
}
