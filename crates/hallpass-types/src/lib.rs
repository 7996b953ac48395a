//! Shared types of the Hallpass crates: ids of users and tenants, and the clock.
//!
//! `hallpass-identity` and `hallpass-data` share only these types.

mod clock;
mod tenant_id;
pub mod trusted;
mod user_id;

#[cfg(feature = "testing")]
pub use clock::testing::step_clock;
pub use clock::{Timestamp, now};
pub use tenant_id::TenantId;
pub use user_id::UserId;
