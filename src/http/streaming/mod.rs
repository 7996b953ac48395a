//! What lasts longer than one answer: sockets, and streams of events.

pub(crate) mod caller_limit;
pub(crate) mod connection_limit;
mod protocol;
mod session;
pub(crate) mod sse;
pub(crate) mod transport;
pub(crate) mod websocket;

pub(crate) use caller_limit::{CallerLimiter, Permit, Resource};
pub(crate) use connection_limit::ConnectionLimiter;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::graphql::response::ResponseBody;
use crate::identity::Gate;

/// The answers of a subscription, each held back until the credential is known to count.
fn gated(
    answers: BoxStream<'static, ResponseBody>,
    gate: Gate,
) -> BoxStream<'static, ResponseBody> {
    let pass = move |content| {
        let mut gate = gate.clone();
        async move {
            gate.open().await;
            content
        }
    };
    answers.then(pass).boxed()
}
