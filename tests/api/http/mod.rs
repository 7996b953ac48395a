//! The HTTP endpoints, and the limits of requests and connections.

mod admission;
mod compression;
pub mod connections;
mod cors;
mod cost;
mod duplicate_members;
mod graphiql;
mod graphql_http_audit;
mod graphql_over_http;
mod http2;
pub mod http2_frames;
mod metrics;
pub mod observability;
mod persisted_queries;
mod public_caching;
mod rate_limit;
mod schema_endpoint;
mod trusted_documents;
mod unix_socket;
