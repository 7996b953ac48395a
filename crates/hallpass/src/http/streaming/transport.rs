//! WebSocket transport: text frames in and out, with deadlines.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::error::Elapsed;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use super::frame_limit::FrameLimit;
use super::protocol::{Close, ServerMessage};
use crate::http::HttpState;
use crate::http::graphql::response::RequestId;
use crate::http::server::{ConnectionHandle, write_timeout};

/// How long a client may take to complete the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The WebSocket of an upgraded connection.
pub(super) type Socket = WebSocketStream<FrameLimit<TokioIo<Upgraded>>>;

/// Why a socket is closed.
pub(crate) enum Disconnect {
    /// The server closes it.
    Close(Close),
    /// The client is disconnected.
    Gone,
}

impl From<Close> for Disconnect {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// A WebSocket and its context.
pub(crate) struct Transport {
    pub(crate) shared: Arc<HttpState>,
    pub(crate) stop: CancellationToken,
    pub(crate) id: RequestId,
    /// Whether the client and the server agreed on a subprotocol.
    pub(super) offers_subprotocol: bool,
    connection: ConnectionHandle,
    socket: Socket,
}

impl Transport {
    pub(super) fn new(
        shared: Arc<HttpState>,
        connection: ConnectionHandle,
        id: RequestId,
        socket: Socket,
        offers_subprotocol: bool,
    ) -> Self {
        Self { shared, stop: connection.stop(), id, offers_subprotocol, connection, socket }
    }

    /// An operation completes: its messages do not count as a flood.
    pub(super) fn operation_completed(&mut self) {
        self.socket.get_mut().operation_completed();
    }

    /// Completes the closing handshake. Remaining input is read, because a connection that is closed with unread bytes
    /// is reset, which loses the close frame.
    pub(crate) async fn drain_and_close(&mut self) {
        let drained = async { while let Some(Ok(_)) = self.socket.next().await {} };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, drained).await;
    }

    /// The next text of the client; `None` for a ping or pong.
    pub(crate) async fn recv(&mut self) -> Result<Option<Utf8Bytes>, Disconnect> {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let limit = self.shared.deps.options.limits.body;
                if text.len() > limit {
                    return Err(Close::too_large(limit).into());
                }
                Ok(Some(text))
            }
            Some(Ok(Message::Binary(_))) => Err(Close::binary().into()),
            // tungstenite replies to pings. A client that does not read the replies is not read either: they would be
            // buffered without limit.
            Some(Ok(Message::Ping(_))) => self.flush().await.map(|()| None),
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Ok(None),
            Some(Err(error)) => Err(self.unreadable(error)),
            Some(Ok(Message::Close(_))) | None => Err(Disconnect::Gone),
        }
    }

    /// The close code for a read error. Further input is discarded, since the start of the next frame is unknown.
    fn unreadable(&self, error: Error) -> Disconnect {
        let close = match error {
            _ if self.socket.get_ref().is_exceeded() => Close::too_many_frames(),
            Error::Capacity(_) => Close::too_large(self.shared.deps.options.limits.body),
            Error::Utf8(_) => Close::not_utf8(),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                return Disconnect::Gone;
            }
            Error::Protocol(_) => Close::bad_frame(),
            _ => return Disconnect::Gone,
        };
        self.connection.linger();
        close.into()
    }

    async fn flush(&mut self) -> Result<(), Disconnect> {
        written(tokio::time::timeout(write_timeout(0), self.socket.flush()).await)
    }

    pub(crate) async fn send_message(
        &mut self,
        message: &ServerMessage<'_>,
    ) -> Result<(), Disconnect> {
        self.send(message.message()).await
    }

    /// Sends a message. A client that does not read in time is disconnected.
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), Disconnect> {
        let timeout = write_timeout(message.len());
        written(tokio::time::timeout(timeout, self.socket.send(message)).await)
    }

    /// Sends the close frame, unless the client does not read.
    pub(super) async fn send_close(&mut self, close: Close) -> bool {
        let sent = tokio::time::timeout(CLOSE_TIMEOUT, self.socket.send(close.message())).await;
        matches!(sent, Ok(Ok(())))
    }
}

fn written(result: Result<Result<(), Error>, Elapsed>) -> Result<(), Disconnect> {
    match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Disconnect::Gone),
        Err(_) => Err(Close::too_slow().into()),
    }
}
