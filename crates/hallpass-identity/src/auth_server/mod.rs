//! Requests to the auth server: one HTTP client, with a bulkhead and a circuit breaker per endpoint.

pub(crate) mod bulkhead;
pub(crate) mod circuit_breaker;
pub(crate) mod client;
pub(crate) mod user_lookup;
pub(crate) mod user_state;
