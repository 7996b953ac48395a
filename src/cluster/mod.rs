//! What nodes share: Redis pub/sub, events, revocations and stored key sets.

pub mod event_bridge;
pub mod key_set_store;
pub mod redis_pubsub;
pub mod revocation_sync;
