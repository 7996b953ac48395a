//! Responses of an operation as the parts of one HTTP response: server-sent events (`sse`) or multipart (`multipart`).
//!
//! Errors of the HTTP request are reported by the status, errors of the document by a part. A stream that ends without
//! its end marker is interrupted, and the client reconnects. A stream whose credential has expired ends in this way,
//! after a part with the error.

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

use super::connection_limit::{ConnectionPermit, Holder, held};
use super::{Permit, gated, multipart, sse};
use crate::http::HttpState;
use crate::http::front::Arrival;
use crate::http::graphql::authenticate::{RequestIdentity, credential_ended};
use crate::http::graphql::execute;
use crate::http::graphql::execute::Operation;
use crate::http::graphql::rejection::Rejection;
use crate::http::graphql::response::{RequestId, ResponseBody};
use hallpass_identity::{Caller, Gate, Watch};

/// Interval of keep-alive parts: proxies close idle connections.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(12);

/// How responses are written into a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events.
    Events,
    /// `multipart/mixed`.
    Multipart,
}

impl Framing {
    fn content_type(self) -> &'static str {
        match self {
            Self::Events => sse::CONTENT_TYPE,
            Self::Multipart => multipart::CONTENT_TYPE,
        }
    }

    /// What precedes the first part.
    fn start(self) -> &'static str {
        match self {
            Self::Events => "",
            Self::Multipart => multipart::START,
        }
    }

    fn response(self, content: &ResponseBody) -> Bytes {
        match self {
            Self::Events => sse::next(content),
            Self::Multipart => multipart::payload(content),
        }
    }

    /// The error by which a stream ends whose credential is no longer valid.
    fn failure(self, content: &ResponseBody) -> Bytes {
        match self {
            Self::Events => sse::next(content),
            Self::Multipart => multipart::failure(content),
        }
    }

    /// A part that clients ignore.
    fn keep_alive(self) -> &'static str {
        match self {
            Self::Events => sse::KEEP_ALIVE,
            Self::Multipart => multipart::HEARTBEAT,
        }
    }

    /// The end marker.
    fn end(self) -> &'static str {
        match self {
            Self::Events => sse::COMPLETE,
            Self::Multipart => multipart::END,
        }
    }
}

struct Parts {
    framing: Framing,
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
    Starting,
    Open,
    /// Only the end marker is left to send.
    Completing,
    /// Everything is sent.
    Complete,
}

/// Streams the responses of `operation`, until the credential of `caller` is no longer valid.
pub(crate) async fn stream(
    shared: &Arc<HttpState>,
    operation: Result<Operation, Rejection>,
    identity: RequestIdentity,
    caller: Option<Arc<Caller>>,
    framing: Framing,
    Arrival { id, record, connection, .. }: &Arrival,
) -> Result<Response<Body>, Rejection> {
    // An exceeded limit is reported by the status.
    let mut operation = match operation {
        Err(rejection) if rejection.is_rate_limited() => return Err(rejection),
        operation => operation,
    };
    let connection_permit =
        shared.connections.acquire(identity.address(), Holder::of(caller.as_deref()))?;
    let permit = shared.caller_limits.acquire_connection(caller.as_deref())?;
    if let Ok(operation) = &mut operation {
        operation.pay().await?;
    }
    record.holds_streams(held(&connection_permit, permit.as_ref()));
    let (shared, watch) = (Arc::clone(shared), identity.watch(caller));
    // Queries and mutations may finish when the server stops; subscriptions are ended.
    let is_subscription = operation.as_ref().is_ok_and(Operation::is_subscription);
    let stop = if is_subscription { connection.stop() } else { CancellationToken::new() };
    let gate = watch.as_ref().map_or_else(Gate::always_open, Watch::gate);
    let responses = execute::responses(operation, id.clone());
    let parts = Parts {
        framing,
        responses: if is_subscription { gated(responses, gate) } else { responses },
        ended: Box::pin(async move { credential_ended(&shared.deps, watch.as_ref()).await }),
        id: id.clone(),
        stop,
        state: State::Starting,
        _held: (connection_permit, permit),
    };
    let (span, id) = (tracing::Span::current(), id.clone());
    let next = move |parts: Parts| id.scope(parts.next()).instrument(span.clone());
    let bytes = stream::unfold(parts, next);
    let bytes = bytes.filter(|bytes| std::future::ready(!bytes.is_empty()));
    let mut response = Response::new(Body::from_stream(bytes.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(framing.content_type()));
    // Otherwise nginx buffers parts.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    Ok(response)
}

impl Parts {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let framing = self.framing;
        match self.state {
            State::Starting => {
                self.state = State::Open;
                return Some((framing.start().into(), self));
            }
            State::Open => {}
            State::Completing => {
                self.state = State::Complete;
                return Some((framing.end().into(), self));
            }
            State::Complete => return None,
        }
        let bytes = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            last = &mut self.ended => {
                self.state = if last.is_retryable() { State::Complete } else { State::Completing };
                framing.failure(&last.content(&self.id))
            }
            response = self.responses.next() => match response {
                Some(content) => framing.response(&content),
                None => {
                    self.state = State::Complete;
                    framing.end().into()
                }
            },
            () = tokio::time::sleep(KEEP_ALIVE_INTERVAL) => framing.keep_alive().into(),
        };
        Some((bytes, self))
    }
}
