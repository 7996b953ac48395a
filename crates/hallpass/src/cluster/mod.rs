//! State shared between nodes: events, revocations and writes to shared tables over a message bus and
//! the database, and stored key sets.

pub mod bus;
mod bus_status;
pub mod event_bridge;
mod frames;
pub mod key_set_store;
pub mod postgres_notify;
pub mod redis_pubsub;
pub mod redis_store;
pub mod revocation_sync;
pub mod shared_budgets;
pub mod shared_rows;
