//! Operational endpoints: health checks, metrics, and the webhooks of the auth server.

pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod revocation_webhook;
