//! A socket whose client is known: operations side by side, one task for all of them. While a client
//! does not read what is sent, nothing more is made for it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use futures_util::stream::{self, AbortHandle, Abortable, BoxStream, SelectAll};
use serde_json::value::RawValue;
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::gated;
use super::protocol::{ClientMessage, Close, ServerMessage};
use super::transport::{Disconnect, Transport};
use crate::http::graphql::authenticate::{RequestIdentity, credential_ended};
use crate::http::graphql::execute;
use crate::http::graphql::execute::Operation;
use crate::http::graphql::request;
use crate::http::graphql::request::GraphQlParams;
use crate::http::graphql::response::{Rejection, RequestId, ResponseBody};
use crate::identity::{Caller, Gate, Watch};

/// How many operations one socket runs at once.
const MAX_OPERATIONS: usize = 32;
/// How often a client is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How often it may leave that unanswered.
const MAX_MISSED_PONGS: u32 = 2;

/// What an operation has to say.
enum OperationEvent {
    /// One answer.
    Answer(ResponseBody),
    /// The credential does not count any more.
    Ended(Rejection),
    /// There are no more answers.
    Done,
    /// There may be more, and the server stops.
    Cut,
}

/// What happens next.
enum SessionEvent {
    Heard(Option<Utf8Bytes>),
    Said(String, OperationEvent),
    Pulse,
}

pub(crate) struct Session<'a> {
    line: &'a mut Transport,
    asker: Arc<RequestIdentity>,
    gate: Gate,
    operations: SelectAll<Abortable<BoxStream<'static, (String, OperationEvent)>>>,
    running: HashMap<String, AbortHandle>,
    silent: u32,
    /// Since when no operation runs.
    idle_since: Instant,
}

impl<'a> Session<'a> {
    pub(crate) fn new(line: &'a mut Transport, asker: Arc<RequestIdentity>) -> Self {
        let (operations, running) = (SelectAll::new(), HashMap::new());
        Self {
            line,
            asker,
            gate: Gate::always_open(),
            operations,
            running,
            silent: 0,
            idle_since: Instant::now(),
        }
    }

    /// Goes on until it is over: at the latest with the credential of `caller`.
    pub(crate) async fn run(mut self, caller: Option<Arc<Caller>>) -> Disconnect {
        let (stop, shared) = (self.line.stop.clone(), Arc::clone(&self.line.shared));
        let watch = self.asker.watch(caller);
        self.gate = watch.as_ref().map_or_else(Gate::always_open, Watch::gate);
        let mut ended = pin!(credential_ended(&shared.parts, watch.as_ref()));
        let keep_alive = shared.parts.keep_alive;
        let mut pulse = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        loop {
            let turn = tokio::select! {
                biased;
                // What ends by itself may finish, as any request. Nothing new is begun.
                () = stop.cancelled(), if self.running.is_empty() => {
                    return Close::going_away().into();
                }
                rejection = &mut ended => return Close::rejected(&rejection).into(),
                heard = self.line.recv(), if !stop.is_cancelled() => heard.map(SessionEvent::Heard),
                Some((id, said)) = self.operations.next(), if !self.operations.is_empty() => {
                    Ok(SessionEvent::Said(id, said))
                }
                _ = pulse.tick() => Ok(SessionEvent::Pulse),
                () = sleep_until(self.idle_since + keep_alive), if self.running.is_empty() => {
                    return Close::idle().into();
                }
            };
            let taken = match turn {
                Ok(turn) => self.take(turn).await,
                Err(over) => Err(over),
            };
            if let Err(over) = taken {
                return over;
            }
        }
    }

    async fn take(&mut self, turn: SessionEvent) -> Result<(), Disconnect> {
        match turn {
            SessionEvent::Heard(words) => {
                self.silent = 0;
                match words {
                    Some(text) => self.handle_message(ClientMessage::read(&text)?).await,
                    None => Ok(()),
                }
            }
            SessionEvent::Said(id, said) => self.forward(&id, said).await,
            SessionEvent::Pulse if self.silent == MAX_MISSED_PONGS => Err(Disconnect::Gone),
            SessionEvent::Pulse => {
                self.silent += 1;
                self.line.send(Message::Ping(Bytes::new())).await
            }
        }
    }

    async fn handle_message(&mut self, heard: ClientMessage<'_>) -> Result<(), Disconnect> {
        match heard {
            ClientMessage::Init(_) => Err(Close::too_many_inits().into()),
            ClientMessage::Ping => self.line.send_message(&ServerMessage::Pong).await,
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
            let message = format!("One socket runs {MAX_OPERATIONS} operations at once: end one.");
            let errors = Rejection::query(message).content(&request).errors;
            return self
                .line
                .send_message(&ServerMessage::Error { id: &id, payload: &errors })
                .await;
        }
        let (handle, registration) = AbortHandle::new_pair();
        let (name, said) = (id.clone(), self.execute(params, request));
        let said = said.map(move |said| (name.clone(), said)).boxed();
        self.operations.push(Abortable::new(said, registration));
        self.running.insert(id, handle);
        Ok(())
    }

    async fn forward(&mut self, id: &str, said: OperationEvent) -> Result<(), Disconnect> {
        match said {
            OperationEvent::Answer(content) if content.is_denial() => {
                self.cancel(id);
                self.line.send_message(&ServerMessage::Error { id, payload: &content.errors }).await
            }
            OperationEvent::Answer(content) => {
                self.line.send_message(&ServerMessage::Next { id, payload: &content }).await
            }
            OperationEvent::Ended(rejection) => Err(Close::rejected(&rejection).into()),
            OperationEvent::Done => {
                self.cancel(id);
                self.line.send_message(&ServerMessage::Complete { id }).await
            }
            OperationEvent::Cut => {
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

    /// Runs an operation as a request of its own, in the log too.
    fn execute(&self, params: GraphQlParams, id: RequestId) -> BoxStream<'static, OperationEvent> {
        let span = tracing::info_span!("request", id = id.as_str());
        let (shared, stop) = (Arc::clone(&self.line.shared), self.line.stop.clone());
        let (asker, gate) = (Arc::clone(&self.asker), self.gate.clone());
        // Boxed, so that it is gone once the answers begin.
        let said = stream::once(Box::pin(async move {
            tracing::debug!("an operation comes over a socket");
            // For each operation anew: what the credential permits may have changed.
            match asker.resolve(&shared.parts, &id).await {
                Ok(who) => answers(execute::prepare(&shared, params, who), gate, id, stop),
                // Not to be told is no end: the next operation may be luckier.
                Err(rejection) if rejection.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    answers(Err(rejection), gate, id, stop)
                }
                Err(_) if gate.has_expired() => {
                    stream::iter([OperationEvent::Ended(Rejection::expired())]).boxed()
                }
                Err(rejection) => stream::iter([OperationEvent::Ended(rejection)]).boxed(),
            }
        }));
        let said = Box::pin(said.flatten());
        let in_span = stream::unfold(said, move |mut said| {
            let next = async move { said.next().await.map(|item| (item, said)) };
            next.instrument(span.clone())
        });
        in_span.boxed()
    }
}

/// The answers of `operation`, and how they end.
fn answers(
    operation: Result<Operation, Rejection>,
    gate: Gate,
    id: RequestId,
    stop: CancellationToken,
) -> BoxStream<'static, OperationEvent> {
    let lasts = operation.as_ref().is_ok_and(Operation::is_subscription);
    let answers = execute::responses(operation, id);
    if !lasts {
        return answers
            .map(OperationEvent::Answer)
            .chain(stream::iter([OperationEvent::Done]))
            .boxed();
    }
    let answers = gated(answers, gate).map(OperationEvent::Answer);
    let answers = answers.take_until(stop.clone().cancelled_owned());
    let end =
        async move { if stop.is_cancelled() { OperationEvent::Cut } else { OperationEvent::Done } };
    answers.chain(stream::once(end)).boxed()
}
