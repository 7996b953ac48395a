//! Messages and close codes of `graphql-transport-ws`
//! (<https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>). The legacy `graphql-ws` subprotocol, which
//! async-graphql supports too, is not accepted.

use axum::http::StatusCode;
use hallpass_data::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::http::graphql::rejection::Rejection;
use crate::http::graphql::response::ResponseBody;

/// The subprotocol's name.
pub(crate) const NAME: &str = "graphql-transport-ws";
/// Length limit of an operation id; a UUID has 36 bytes.
const MAX_OPERATION_ID_BYTES: usize = 128;
/// Length limit of the reason in a close frame (RFC 6455 section 5.5).
const MAX_REASON_BYTES: usize = 123;

/// Why the server closes a socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Close {
    code: u16,
    reason: String,
    /// The code of the error that is the reason.
    error: Option<String>,
}

impl Close {
    /// The code.
    pub(crate) fn code(&self) -> u16 {
        self.code
    }

    /// The code of the error that is the reason, if one is.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The server stops.
    pub(crate) fn going_away() -> Self {
        Self::with(1001, "The server is shutting down: reconnect.")
    }

    /// No operation ran for the keep-alive time. After 1000, clients reconnect when they start the next operation;
    /// after other codes, they reconnect at once.
    pub(crate) fn idle() -> Self {
        Self::with(1000, "Idle: reconnect to start an operation.")
    }

    /// The client sends far more frames than its operations need.
    pub(crate) fn too_many_frames() -> Self {
        Self::with(1008, "Too many frames: send fewer pings and messages.")
    }

    /// A message exceeds `MAX_BODY`.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::with(1009, format!("Send at most {limit} bytes."))
    }

    /// A message is not text.
    pub(crate) fn binary() -> Self {
        Self::with(1003, "Send text frames: binary frames are not accepted.")
    }

    /// A text is not UTF-8.
    pub(crate) fn not_utf8() -> Self {
        Self::with(1007, "Send text in UTF-8.")
    }

    /// A frame violates RFC 6455.
    pub(crate) fn bad_frame() -> Self {
        Self::with(1002, "Protocol error: frames must follow RFC 6455.")
    }

    /// A message is not part of the protocol.
    pub(crate) fn invalid(reason: &str) -> Self {
        Self::with(4400, format!("Invalid message: {reason}"))
    }

    /// An operation is sent before the connection is acknowledged.
    pub(crate) fn unauthorized() -> Self {
        Self::with(4401, "Unauthorized: send `connection_init`, and wait for `connection_ack`.")
    }

    /// The client does not offer the subprotocol.
    pub(crate) fn subprotocol() -> Self {
        Self::with(4406, format!("Subprotocol not acceptable: use {NAME}."))
    }

    /// The client does not read a message in time.
    pub(crate) fn too_slow() -> Self {
        Self::with(1008, "A message was not read in time.")
    }

    /// No `connection_init` arrived in time.
    pub(crate) fn init_timeout() -> Self {
        Self::with(4408, "Connection initialisation timeout")
    }

    /// An operation id is already in use.
    pub(crate) fn subscriber_exists(id: &str) -> Self {
        Self::with(4409, format!("Subscriber for {id} already exists"))
    }

    /// A second `connection_init`.
    pub(crate) fn too_many_inits() -> Self {
        Self::with(4429, "Too many initialisation requests")
    }

    /// The caller is rejected. Clients reconnect by themselves after 4403, with a new credential, and after 1013; not
    /// after 4401.
    pub(crate) fn rejected(rejection: &Rejection) -> Self {
        let code = match rejection.status() {
            _ if rejection.is_expiry() => 4403,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => 4401,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => 1013,
            _ => 1011,
        };
        let error = Some(rejection.code().to_owned());
        Self { error, ..Self::with(code, rejection.message()) }
    }

    fn with(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let end = reason.floor_char_boundary(MAX_REASON_BYTES);
        reason.truncate(end);
        Self { code, reason, error: None }
    }

    pub(crate) fn message(self) -> Message {
        Message::Close(Some(CloseFrame { code: self.code.into(), reason: self.reason.into() }))
    }
}

/// A message of the client.
pub(crate) enum ClientMessage<'a> {
    /// `connection_init`, which may carry credentials.
    Init(Option<&'a RawValue>),
    /// Requests a pong.
    Ping,
    /// Response to a ping.
    Pong,
    /// Starts an operation, with the client's id.
    Subscribe(String, &'a RawValue),
    /// Ends an operation.
    Complete(String),
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    r#type: String,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl<'a> ClientMessage<'a> {
    /// Parses a message.
    pub(crate) fn read(text: &'a str) -> Result<Self, Close> {
        let raw: RawMessage<'_> = serde_json::from_str(text)
            .map_err(|_| Close::invalid("send a JSON object with `type`"))?;
        let id = |id: Option<String>| match id {
            Some(id) if !id.is_empty() && id.len() <= MAX_OPERATION_ID_BYTES => Ok(id),
            _ => Err(Close::invalid("give an `id` of 1 to 128 bytes")),
        };
        match raw.r#type.as_str() {
            "connection_init" => Ok(Self::Init(raw.payload)),
            "ping" => Ok(Self::Ping),
            "pong" => Ok(Self::Pong),
            "subscribe" => match raw.payload {
                Some(payload) => Ok(Self::Subscribe(id(raw.id)?, payload)),
                None => Err(Close::invalid("give a `payload` with a `query`")),
            },
            "complete" => Ok(Self::Complete(id(raw.id)?)),
            _ => Err(Close::invalid("unknown `type`")),
        }
    }
}

/// What a client of an authenticated caller knows from the start.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AckPayload {
    /// When the credential expires, and the socket is closed with 4403: a date and time (RFC 3339).
    pub(crate) expires_at: Timestamp,
}

/// A message of the server.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerMessage<'a> {
    ConnectionAck {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<AckPayload>,
    },
    Pong,
    Error {
        id: &'a str,
        payload: &'a [async_graphql::ServerError],
    },
    Complete {
        id: &'a str,
    },
}

/// The message with a response of an operation.
pub(crate) fn next(id: &str, response: &ResponseBody) -> Message {
    let (id, payload) = (Value::from(id), String::from_utf8(response.to_json()));
    let payload = payload.expect("JSON is UTF-8");
    Message::text(format!(r#"{{"type":"next","id":{id},"payload":{payload}}}"#))
}

impl ServerMessage<'_> {
    pub(crate) fn message(&self) -> Message {
        let text = serde_json::to_string(self);
        Message::text(text.expect("names and values of an answer are plain JSON"))
    }
}
