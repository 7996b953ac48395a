//! Operational endpoints: health checks, metrics, and the webhooks of the auth server.

pub(crate) mod health;
pub(crate) mod log_hash;
pub(crate) mod metrics;
pub(crate) mod operation_metrics;
mod process_metrics;
pub(crate) mod request_line;
pub(crate) mod request_record;
pub(crate) mod revocation_webhook;
