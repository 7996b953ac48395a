//! Server-sent events: `POST /graphql` with `Accept: text/event-stream`, the distinct connections mode of graphql-sse
//! (<https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>).
//!
//! Errors of the HTTP request are reported by the status, errors of the document by an event. A stream that ends
//! without `complete` is interrupted, and the client reconnects. A stream whose credential has expired ends in this
//! way, after an event with the error.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Response};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::connection_limit::ConnectionPermit;
use super::{Permit, Resource, gated};
use crate::http::HttpState;
use crate::http::graphql::authenticate::{RequestIdentity, credential_ended};
use crate::http::graphql::execute;
use crate::http::graphql::execute::Operation;
use crate::http::graphql::response::{Rejection, RequestId, ResponseBody};
use crate::http::server::ConnectionHandle;
use hallpass_identity::{Caller, Gate, Watch};

/// Interval of keep-alive comments: proxies close idle connections.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(12);
/// A comment, which clients ignore.
const KEEP_ALIVE: &str = ":\n\n";
const COMPLETE_EVENT: &str = "event: complete\ndata: \n\n";

struct Events {
    responses: BoxStream<'static, ResponseBody>,
    /// Resolves when the credential is no longer valid.
    ended: Pin<Box<dyn Future<Output = Rejection> + Send>>,
    id: RequestId,
    stop: CancellationToken,
    state: State,
    _held: (ConnectionPermit, Option<Permit>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Only the `complete` event is left to send.
    Completing,
    /// Everything is sent.
    Complete,
}

/// Streams the responses of `operation`, until the credential of `caller` is no longer valid.
pub(crate) fn stream(
    shared: &Arc<HttpState>,
    operation: Result<Operation, Rejection>,
    identity: RequestIdentity,
    caller: Option<Arc<Caller>>,
    connection: &ConnectionHandle,
    id: &RequestId,
) -> Result<Response<Body>, Rejection> {
    // An exceeded limit is reported by the status.
    let operation = match operation {
        Err(rejection) if rejection.is_rate_limited() => return Err(rejection),
        operation => operation,
    };
    let connection_permit = shared.connections.acquire(identity.address(), caller.is_some())?;
    let permit = shared.caller_limits.acquire(caller.as_deref(), Resource::Connection)?;
    let (shared, watch) = (Arc::clone(shared), identity.watch(caller));
    // Queries and mutations may finish when the server stops; subscriptions are ended.
    let is_subscription = operation.as_ref().is_ok_and(Operation::is_subscription);
    let stop = if is_subscription { connection.stop() } else { CancellationToken::new() };
    let gate = watch.as_ref().map_or_else(Gate::always_open, Watch::gate);
    let responses = execute::responses(operation, id.clone());
    let events = Events {
        responses: if is_subscription { gated(responses, gate) } else { responses },
        ended: Box::pin(async move { credential_ended(&shared.deps, watch.as_ref()).await }),
        id: id.clone(),
        stop,
        state: State::Open,
        _held: (connection_permit, permit),
    };
    let span = tracing::Span::current();
    let bytes = stream::unfold(events, move |events| events.next().instrument(span.clone()));
    let mut response = Response::new(Body::from_stream(bytes.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    // Otherwise nginx buffers events.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    Ok(response)
}

impl Events {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        match self.state {
            State::Open => {}
            State::Completing => {
                self.state = State::Complete;
                return Some((COMPLETE_EVENT.into(), self));
            }
            State::Complete => return None,
        }
        let bytes = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            last = &mut self.ended => {
                self.state = if last.is_retryable() { State::Complete } else { State::Completing };
                next(&last.content(&self.id))
            }
            response = self.responses.next() => match response {
                Some(content) => next(&content),
                None => {
                    self.state = State::Complete;
                    COMPLETE_EVENT.into()
                }
            },
            () = tokio::time::sleep(KEEP_ALIVE_INTERVAL) => KEEP_ALIVE.into(),
        };
        Some((bytes, self))
    }
}

/// A `next` event. Compact JSON has no line breaks.
fn next(content: &ResponseBody) -> Bytes {
    [&b"event: next\ndata: "[..], &content.to_json(), b"\n\n"].concat().into()
}
