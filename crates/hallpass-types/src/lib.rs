//! Shared types of the Hallpass crates: user ids and the clock.
//!
//! `hallpass-identity` and `hallpass-data` share only these types.

mod clock;
pub mod trusted;
mod user_id;

#[cfg(feature = "testing")]
pub use clock::testing::step_clock;
pub use clock::{Timestamp, now};
pub use user_id::UserId;
