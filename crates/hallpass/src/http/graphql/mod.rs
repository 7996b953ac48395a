//! The GraphQL endpoint: request, authentication, execution, response.

pub(crate) mod authenticate;
pub(in crate::http) mod budget;
mod challenge;
pub(crate) mod collect_fields;
mod envelope;
pub(crate) mod execute;
pub(crate) mod handler;
pub(crate) mod http_cache;
mod media_type;
pub(crate) mod rejection;
pub(crate) mod request;
mod request_id;
pub(crate) mod response;
mod running_subscription;
