//! Session of an authenticated WebSocket: runs its operations concurrently, in one task. While a client does not
//! read what is sent, its operations are not polled (backpressure).

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use futures_util::stream::{self, AbortHandle, Abortable, BoxStream, SelectAll};
use serde_json::value::RawValue;
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use super::gated;
use super::protocol;
use super::protocol::{ClientMessage, Close, ServerMessage};
use super::transport::{Disconnect, Transport};
use crate::http::graphql::authenticate::{RequestIdentity, credential_ended};
use crate::http::graphql::execute;
use crate::http::graphql::execute::Operation;
use crate::http::graphql::rejection::Rejection;
use crate::http::graphql::request;
use crate::http::graphql::request::GraphQlParams;
use crate::http::graphql::response::{RequestId, ResponseBody};
use crate::http::ops::request_record::RequestRecord;
use hallpass_identity::{Caller, Gate, Watch};

/// Concurrent operations per socket.
const MAX_OPERATIONS: usize = 32;
/// Interval of WebSocket pings.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Unanswered pings after which the client is disconnected.
const MAX_MISSED_PONGS: u32 = 2;

/// Output of an operation.
enum OperationEvent {
    /// One response.
    Response(ResponseBody),
    /// The credential is no longer valid.
    Ended(Rejection),
    /// The operation is complete.
    Done,
    /// The server stops before the operation is complete.
    Interrupted,
}

/// An event of the session loop.
enum SessionEvent {
    Received(Option<Utf8Bytes>),
    Operation(String, OperationEvent),
    Ping,
}

pub(crate) struct Session<'a> {
    transport: &'a mut Transport,
    identity: Arc<RequestIdentity>,
    gate: Gate,
    operations: SelectAll<Abortable<BoxStream<'static, (String, OperationEvent)>>>,
    running: HashMap<String, AbortHandle>,
    missed_pongs: u32,
    /// Since when no operation runs.
    idle_since: Instant,
}

impl<'a> Session<'a> {
    pub(crate) fn new(transport: &'a mut Transport, identity: Arc<RequestIdentity>) -> Self {
        let (operations, running) = (SelectAll::new(), HashMap::new());
        Self {
            transport,
            identity,
            gate: Gate::always_open(),
            operations,
            running,
            missed_pongs: 0,
            idle_since: Instant::now(),
        }
    }

    /// Runs until the socket is closed, at the latest when the credential of `caller` is no longer valid.
    pub(crate) async fn run(mut self, caller: Option<Arc<Caller>>) -> Disconnect {
        let (stop, shared) = (self.transport.stop.clone(), Arc::clone(&self.transport.shared));
        let watch = self.identity.watch(caller);
        self.gate = watch.as_ref().map_or_else(Gate::always_open, Watch::gate);
        let mut ended = pin!(credential_ended(&shared.deps, watch.as_ref()));
        let keep_alive = shared.deps.options.keep_alive;
        let mut ping_timer = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        loop {
            let event = tokio::select! {
                biased;
                // Queries and mutations that run may finish. No new operation is started.
                () = stop.cancelled(), if self.running.is_empty() => {
                    return Close::going_away().into();
                }
                rejection = &mut ended => return Close::rejected(&rejection).into(),
                message = self.transport.recv(), if !stop.is_cancelled() => message.map(SessionEvent::Received),
                Some((id, event)) = self.operations.next(), if !self.operations.is_empty() => {
                    Ok(SessionEvent::Operation(id, event))
                }
                _ = ping_timer.tick() => Ok(SessionEvent::Ping),
                () = sleep_until(self.idle_since + keep_alive), if self.running.is_empty() => {
                    return Close::idle().into();
                }
            };
            // Boxed: most of the time, there is no event.
            let handled = match event {
                Ok(event) => Box::pin(self.handle(event)).await,
                Err(disconnect) => Err(disconnect),
            };
            if let Err(disconnect) = handled {
                return disconnect;
            }
        }
    }

    async fn handle(&mut self, event: SessionEvent) -> Result<(), Disconnect> {
        match event {
            SessionEvent::Received(text) => {
                self.missed_pongs = 0;
                match text {
                    Some(text) => self.handle_message(ClientMessage::read(&text)?).await,
                    None => Ok(()),
                }
            }
            SessionEvent::Operation(id, event) => self.forward(&id, event).await,
            SessionEvent::Ping if self.missed_pongs == MAX_MISSED_PONGS => Err(Disconnect::Gone),
            SessionEvent::Ping => {
                self.missed_pongs += 1;
                self.transport.send(Message::Ping(Bytes::new())).await
            }
        }
    }

    async fn handle_message(&mut self, message: ClientMessage<'_>) -> Result<(), Disconnect> {
        match message {
            ClientMessage::Init(_) => Err(Close::too_many_inits().into()),
            ClientMessage::Ping => self.transport.send_message(&ServerMessage::Pong).await,
            ClientMessage::Pong => Ok(()),
            ClientMessage::Subscribe(id, payload) => self.start(id, payload).await,
            ClientMessage::Complete(id) => {
                self.cancel(&id);
                Ok(())
            }
        }
    }

    async fn start(&mut self, id: String, payload: &RawValue) -> Result<(), Disconnect> {
        if self.running.contains_key(&id) {
            return Err(Close::subscriber_exists(&id).into());
        }
        let params = request::from_body(payload.get().as_bytes())
            .map_err(|rejection| Close::invalid(rejection.message()))?;
        let request = RequestId::generate();
        if self.running.len() == MAX_OPERATIONS {
            let message = format!(
                "A socket may run {MAX_OPERATIONS} operations at once: complete one first."
            );
            let errors = Rejection::query(message).content(&request).errors;
            return self
                .transport
                .send_message(&ServerMessage::Error { id: &id, payload: &errors })
                .await;
        }
        let (handle, registration) = AbortHandle::new_pair();
        let (name, events) = (id.clone(), self.execute(params, request));
        let events = events.map(move |event| (name.clone(), event)).boxed();
        self.operations.push(Abortable::new(events, registration));
        self.running.insert(id, handle);
        Ok(())
    }

    async fn forward(&mut self, id: &str, event: OperationEvent) -> Result<(), Disconnect> {
        match event {
            OperationEvent::Response(content) if content.is_request_error() => {
                self.cancel(id);
                self.transport
                    .send_message(&ServerMessage::Error { id, payload: &content.errors })
                    .await
            }
            OperationEvent::Response(content) => {
                self.transport.send(protocol::next(id, &content)).await
            }
            OperationEvent::Ended(rejection) => Err(Close::rejected(&rejection).into()),
            OperationEvent::Done => {
                self.cancel(id);
                self.transport.operation_completed();
                self.transport.send_message(&ServerMessage::Complete { id }).await
            }
            OperationEvent::Interrupted => {
                self.cancel(id);
                Ok(())
            }
        }
    }

    fn cancel(&mut self, id: &str) {
        if let Some(handle) = self.running.remove(id) {
            handle.abort();
            self.idle_since = Instant::now();
        }
    }

    /// Runs an operation as a request with its own id.
    fn execute(&self, params: GraphQlParams, id: RequestId) -> BoxStream<'static, OperationEvent> {
        let request = id.clone();
        let (shared, stop) = (Arc::clone(&self.transport.shared), self.transport.stop.clone());
        let (identity, gate) = (Arc::clone(&self.identity), self.gate.clone());
        // Boxed, so that it is dropped when the responses begin.
        let events = stream::once(Box::pin(async move {
            tracing::debug!("operation received over WebSocket");
            // Authenticated again for each operation: the caller's rights may have changed.
            let record = RequestRecord::of_client(identity.address());
            match identity.resolve(&shared.deps, &id, &record).await {
                Ok(request_caller) => {
                    let caller = request_caller.caller.clone();
                    record.sent_document(&params);
                    let params = params.resolve(&shared.known, caller.as_deref());
                    let operation = match params.await {
                        Ok(params) => {
                            execute::prepare_within_budget(&shared, params, request_caller).await
                        }
                        Err(rejection) => Err(rejection),
                    };
                    if let Err(rejection) = &operation {
                        record.rejected(rejection);
                        shared.finish_streamed(&record, &id, None);
                    }
                    responses(operation, gate, id, stop)
                }
                // Auth server unavailable: fail this operation and keep the socket open.
                Err(rejection) if rejection.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    record.rejected(&rejection);
                    shared.finish_streamed(&record, &id, None);
                    responses(Err(rejection), gate, id, stop)
                }
                Err(_) if gate.has_expired() => {
                    stream::iter([OperationEvent::Ended(Rejection::expired())]).boxed()
                }
                Err(rejection) => stream::iter([OperationEvent::Ended(rejection)]).boxed(),
            }
        }));
        let events = Box::pin(events.flatten());
        let in_scope = stream::unfold(events, move |mut events| {
            let next = async move { events.next().await.map(|item| (item, events)) };
            request.scope(next)
        });
        in_scope.boxed()
    }
}

/// The events of `operation`.
fn responses(
    operation: Result<Operation, Rejection>,
    gate: Gate,
    id: RequestId,
    stop: CancellationToken,
) -> BoxStream<'static, OperationEvent> {
    let is_subscription = operation.as_ref().is_ok_and(Operation::is_subscription);
    let responses = execute::responses(operation, id);
    if !is_subscription {
        return responses
            .map(OperationEvent::Response)
            .chain(stream::iter([OperationEvent::Done]))
            .boxed();
    }
    let responses = gated(responses, gate).map(OperationEvent::Response);
    let responses = responses.take_until(stop.clone().cancelled_owned());
    let end = async move {
        if stop.is_cancelled() { OperationEvent::Interrupted } else { OperationEvent::Done }
    };
    responses.chain(stream::once(end)).boxed()
}
