//! What lasts longer than one answer: sockets, and streams of events.

pub(super) mod events;
mod line;
mod protocol;
mod quota;
mod seats;
mod session;
pub(super) mod socket;

pub(super) use quota::{CallerLimiter, Permit, Resource};
pub(super) use seats::ConnectionLimiter;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::answer::ResponseBody;
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
