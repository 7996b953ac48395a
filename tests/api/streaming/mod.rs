//! WebSocket and SSE streams.

mod bus;
mod caller_events;
mod events;
mod graphql_multipart;
pub mod graphql_sse;
pub mod graphql_ws;
mod idle_subscriptions;
mod missed_events;
mod multi_node;
pub mod overdue_events;
mod published_chapters;
mod session_revalidation;
mod socket_limits;
mod stream_authentication;
mod stream_limits;
