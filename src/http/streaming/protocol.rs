//! The words of `graphql-transport-ws`, as <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>
//! has them. The legacy `graphql-ws`, which the library offers too, is not spoken.

use axum::extract::ws::{CloseFrame, Message};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::http::graphql::response::{Rejection, ResponseBody};

/// The subprotocol's name.
pub(crate) const NAME: &str = "graphql-transport-ws";
/// The longest id of an operation: a UUID has 36 bytes.
const MAX_OPERATION_ID_BYTES: usize = 128;
/// The longest reason for which a close frame has room (RFC 6455 section 5.5).
const MAX_REASON_BYTES: usize = 123;

/// Why the server closes a socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Close {
    code: u16,
    reason: String,
}

impl Close {
    /// The server stops.
    pub(crate) fn going_away() -> Self {
        Self::with(1001, "The server stops: connect again.")
    }

    /// Nothing was asked for in a while. Clients connect again once they ask for something, and not
    /// before, as they do after any other code.
    pub(crate) fn idle() -> Self {
        Self::with(1000, "Nothing was asked for in a while: connect again when something is.")
    }

    /// A message is larger than a request's body may be.
    pub(crate) fn too_large(most: usize) -> Self {
        Self::with(1009, format!("Send at most {most} bytes."))
    }

    /// A message is no text.
    pub(crate) fn binary() -> Self {
        Self::with(1003, "Send text frames: no binary ones are accepted.")
    }

    /// A text is not UTF-8.
    pub(crate) fn not_utf8() -> Self {
        Self::with(1007, "Send text in UTF-8.")
    }

    /// A frame is none that RFC 6455 allows at its place.
    pub(crate) fn bad_frame() -> Self {
        Self::with(1002, "Send frames as RFC 6455 has them.")
    }

    /// A message is none of the protocol.
    pub(crate) fn invalid(why: &str) -> Self {
        Self::with(4400, format!("Invalid message: {why}"))
    }

    /// Something is asked for before the connection is acknowledged.
    pub(crate) fn unauthorized() -> Self {
        Self::with(4401, "Unauthorized: send `connection_init`, and wait for `connection_ack`.")
    }

    /// The client does not speak the protocol.
    pub(crate) fn subprotocol() -> Self {
        Self::with(4406, format!("Subprotocol not acceptable: speak {NAME}."))
    }

    /// Nothing came in time.
    pub(crate) fn init_timeout() -> Self {
        Self::with(4408, "Connection initialisation timeout")
    }

    /// Two operations at once have one id.
    pub(crate) fn subscriber_exists(id: &str) -> Self {
        Self::with(4409, format!("Subscriber for {id} already exists"))
    }

    /// There was one.
    pub(crate) fn too_many_inits() -> Self {
        Self::with(4429, "Too many initialisation requests")
    }

    /// The caller may not stay. Clients connect again by themselves after 4403, with a fresh credential, and
    /// after 1013; not after 4401.
    pub(crate) fn rejected(rejection: &Rejection) -> Self {
        let code = match rejection.status() {
            _ if rejection.is_expiry() => 4403,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => 4401,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => 1013,
            _ => 1011,
        };
        Self::with(code, rejection.message())
    }

    fn with(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let fitting = reason.floor_char_boundary(MAX_REASON_BYTES);
        reason.truncate(fitting);
        Self { code, reason }
    }

    pub(crate) fn message(self) -> Message {
        Message::Close(Some(CloseFrame { code: self.code, reason: self.reason.into() }))
    }
}

/// What a client says.
pub(crate) enum ClientMessage<'a> {
    /// Who it is, if it says.
    Init(Option<&'a RawValue>),
    /// Whether the server is there.
    Ping,
    /// That it is there.
    Pong,
    /// What it wants, under an id of its own.
    Subscribe(String, &'a RawValue),
    /// That it wants no more of that.
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
    /// Reads a message.
    pub(crate) fn read(text: &'a str) -> Result<Self, Close> {
        let words: RawMessage<'_> = serde_json::from_str(text)
            .map_err(|_| Close::invalid("send a JSON object with `type`"))?;
        let id = |id: Option<String>| match id {
            Some(id) if !id.is_empty() && id.len() <= MAX_OPERATION_ID_BYTES => Ok(id),
            _ => Err(Close::invalid("give an `id` of 1 to 128 bytes")),
        };
        match words.r#type.as_str() {
            "connection_init" => Ok(Self::Init(words.payload)),
            "ping" => Ok(Self::Ping),
            "pong" => Ok(Self::Pong),
            "subscribe" => match words.payload {
                Some(payload) => Ok(Self::Subscribe(id(words.id)?, payload)),
                None => Err(Close::invalid("give a `payload` with a `query`")),
            },
            "complete" => Ok(Self::Complete(id(words.id)?)),
            _ => Err(Close::invalid("this `type` is none that clients send")),
        }
    }
}

/// What the server says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerMessage<'a> {
    ConnectionAck,
    Pong,
    Next { id: &'a str, payload: &'a ResponseBody },
    Error { id: &'a str, payload: &'a [async_graphql::ServerError] },
    Complete { id: &'a str },
}

impl ServerMessage<'_> {
    pub(crate) fn message(&self) -> Message {
        let text = serde_json::to_string(self);
        Message::text(text.expect("names and values of an answer are plain JSON"))
    }
}
