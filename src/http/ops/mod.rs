//! Endpoints for operators and for the auth server: health, metrics, revocation webhooks.

pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod revocation_webhook;
