//! Streaming transports: WebSockets (graphql-transport-ws), server-sent events (graphql-sse) and
//! multipart, with their limits.

pub(crate) mod caller_limit;
pub(crate) mod connection_limit;
mod frame_limit;
mod handshake;
pub(crate) mod largest_holder;
mod multipart;
mod protocol;
pub(crate) mod response_stream;
mod session;
mod sse;
pub(crate) mod transport;
pub(crate) mod websocket;

pub(crate) use caller_limit::{CallerLimiter, Permit, Resource};
pub(crate) use connection_limit::ConnectionLimiter;
pub(crate) use handshake::is_upgrade;
pub(crate) use response_stream::Framing;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::graphql::response::ResponseBody;
use hallpass_identity::Gate;

/// The responses of a subscription, each held back until the credential is confirmed to be still valid.
fn gated(
    responses: BoxStream<'static, ResponseBody>,
    gate: Gate,
) -> BoxStream<'static, ResponseBody> {
    let pass = move |content| {
        let mut gate = gate.clone();
        async move {
            gate.open().await;
            content
        }
    };
    responses.then(pass).boxed()
}
