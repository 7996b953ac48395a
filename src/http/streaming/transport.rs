//! WebSocket transport: text frames in and out, with deadlines.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_util::sync::CancellationToken;

use super::protocol::{Close, ServerMessage};
use crate::http::HttpState;
use crate::http::graphql::response::RequestId;
use crate::http::server::ConnectionHandle;

/// How long a client may take to read any message.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may take to answer that the socket closes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a socket is over.
pub(crate) enum Disconnect {
    /// The server closes it.
    Close(Close),
    /// The client is not there any more.
    Gone,
}

impl From<Close> for Disconnect {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// A socket, and what it belongs to.
pub(crate) struct Transport {
    pub(crate) shared: Arc<HttpState>,
    pub(crate) stop: CancellationToken,
    pub(crate) id: RequestId,
    connection: ConnectionHandle,
    socket: WebSocket,
}

impl Transport {
    pub(crate) fn new(
        shared: Arc<HttpState>,
        connection: ConnectionHandle,
        id: RequestId,
        socket: WebSocket,
    ) -> Self {
        Self { shared, stop: connection.stop(), id, connection, socket }
    }

    /// Whether both sides agreed on the protocol.
    pub(crate) fn offers_subprotocol(&self) -> bool {
        self.socket.protocol().is_some()
    }

    /// Reading on answers a client's farewell, and waits for the answer to ours: a connection that ends on
    /// unread bytes loses the reason.
    pub(crate) async fn drain_and_close(&mut self) {
        let agreed = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, agreed).await;
    }

    /// The next words of the client; none where it only shows that it is there.
    pub(crate) async fn recv(&mut self) -> Result<Option<Utf8Bytes>, Disconnect> {
        match self.socket.recv().await {
            Some(Ok(Message::Text(text))) => {
                let most = self.shared.parts.limits.body;
                if text.len() > most {
                    return Err(Close::too_large(most).into());
                }
                Ok(Some(text))
            }
            Some(Ok(Message::Binary(_))) => Err(Close::binary().into()),
            // The library answers pings itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
            Some(Err(error)) => Err(self.unreadable(error)),
            Some(Ok(Message::Close(_))) | None => Err(Disconnect::Gone),
        }
    }

    /// Why the library reads no more. What the client still sends is then dropped unread by the connection: the
    /// library cannot tell where the next frame begins.
    fn unreadable(&self, error: axum::Error) -> Disconnect {
        let close = match error.into_inner().downcast::<Error>().map(|error| *error) {
            Ok(Error::Capacity(_)) => Close::too_large(self.shared.parts.limits.body),
            Ok(Error::Utf8(_)) => Close::not_utf8(),
            Ok(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return Disconnect::Gone;
            }
            Ok(Error::Protocol(_)) => Close::bad_frame(),
            Ok(_) | Err(_) => return Disconnect::Gone,
        };
        self.connection.linger();
        close.into()
    }

    pub(crate) async fn send_message(
        &mut self,
        words: &ServerMessage<'_>,
    ) -> Result<(), Disconnect> {
        self.send(words.message()).await
    }

    /// Sends; a client that does not read in time is gone.
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), Disconnect> {
        match tokio::time::timeout(WRITE_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Disconnect::Gone),
        }
    }
}
