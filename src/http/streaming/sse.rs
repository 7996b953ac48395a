//! `POST /graphql` with `Accept: text/event-stream`: the distinct connections mode of graphql-sse, as
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md> has it.
//!
//! What is wrong with the request is told by a status, as ever; what is wrong with the document by an
//! event. A stream that ends without `complete` broke off: the client asks again. So ends one whose credential
//! has expired, after an event that says so.

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
use crate::identity::{Caller, Gate, Watch};

/// How long nothing may be sent: what stands between closes connections that seem idle.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(12);
/// A comment, which clients skip.
const KEEP_ALIVE: &str = ":\n\n";
const COMPLETE_EVENT: &str = "event: complete\ndata: \n\n";

struct Events {
    answers: BoxStream<'static, ResponseBody>,
    /// Waits until the credential ends.
    ended: Pin<Box<dyn Future<Output = Rejection> + Send>>,
    id: RequestId,
    stop: CancellationToken,
    state: State,
    _held: (ConnectionPermit, Option<Permit>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// All that is left to say is that it is complete.
    Completing,
    /// Nothing is left to say.
    Complete,
}

/// The response that streams the answers of `operation`, at most for as long as `caller`'s credential
/// lasts.
pub(crate) fn stream(
    shared: &Arc<HttpState>,
    operation: Result<Operation, Rejection>,
    asker: RequestIdentity,
    caller: Option<Arc<Caller>>,
    connection: &ConnectionHandle,
    id: &RequestId,
) -> Result<Response<Body>, Rejection> {
    // What is too much is told by a status.
    let operation = match operation {
        Err(rejection) if rejection.is_crowded() => return Err(rejection),
        operation => operation,
    };
    let seat = shared.seats.acquire(asker.address(), caller.is_some())?;
    let permit = shared.quotas.acquire(caller.as_deref(), Resource::Connection)?;
    let (shared, watch) = (Arc::clone(shared), asker.watch(caller));
    // What ends by itself may finish when the server stops, as any request.
    let lasts = operation.as_ref().is_ok_and(Operation::is_subscription);
    let stop = if lasts { connection.stop() } else { CancellationToken::new() };
    let gate = watch.as_ref().map_or_else(Gate::always_open, Watch::gate);
    let answers = execute::responses(operation, id.clone());
    let events = Events {
        answers: if lasts { gated(answers, gate) } else { answers },
        ended: Box::pin(async move { credential_ended(&shared.parts, watch.as_ref()).await }),
        id: id.clone(),
        stop,
        state: State::Open,
        _held: (seat, permit),
    };
    let span = tracing::Span::current();
    let bytes = stream::unfold(events, move |events| events.next().instrument(span.clone()));
    let mut response = Response::new(Body::from_stream(bytes.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    // nginx would collect events until there are some kilobytes.
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
                let may_go_on = last.is_passing();
                self.state = if may_go_on { State::Complete } else { State::Completing };
                next(&last.content(&self.id))
            }
            answer = self.answers.next() => match answer {
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

/// JSON has no line breaks of its own.
fn next(content: &ResponseBody) -> Bytes {
    [&b"event: next\ndata: "[..], &content.to_json(), b"\n\n"].concat().into()
}
