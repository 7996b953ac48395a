//! The one place that reads the wall clock.

use chrono::{DateTime, SubsecRound, Utc};

/// A moment in UTC, to the microsecond.
pub type Timestamp = DateTime<Utc>;

/// The present, cut to the microsecond: PostgreSQL keeps no more, and a row must read back as written.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the door to the clock")]
pub fn now() -> Timestamp {
    Utc::now().trunc_subsecs(6)
}
