//! A client of `/graphql/ws`, with the protocol `graphql-transport-ws`.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// Longer than any operation of a test takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An open socket of one caller. Made by [`Client::socket`](super::Client::socket).
///
/// ```no_run
/// # async fn of(application: std::sync::Arc<hallpass::Application>) {
/// use hallpass::testing::{App, user};
///
/// let app = App::start(&application).await;
/// let mut socket = app.by_jwt(&user("alice")).socket().await;
/// socket.execute("1", "subscription { noteEvents { kind } }").await;
/// app.by_jwt(&user("alice")).data("mutation { createNote(text: \"Mine\") { id } }").await;
/// assert_eq!(socket.next_message().await["type"], "next");
/// # }
/// ```
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Opens a socket of the server at `url`. Sends the `authorization` header in `connection_init`, as browsers must,
    /// and the other headers with the handshake.
    pub(super) async fn open(url: &str, headers: &[(&'static str, String)]) -> Self {
        let address = url.strip_prefix("http://").expect("tests use plain HTTP");
        let request = format!("ws://{address}/graphql/ws").into_client_request();
        let mut request = request.expect("the URL is valid");
        let mut append = |name: &'static str, value: &str| {
            let value = HeaderValue::from_str(value).expect("the header is valid");
            request.headers_mut().append(HeaderName::from_static(name), value);
        };
        append("sec-websocket-protocol", "graphql-transport-ws");
        let (credentials, rest): (Vec<_>, Vec<_>) =
            headers.iter().partition(|(name, _)| *name == "authorization");
        rest.into_iter().for_each(|(name, value)| append(name, value));
        let stream = TcpStream::connect(address).await.expect("the server accepts connections");
        let opened = tokio_tungstenite::client_async(request, stream).await;
        let mut socket = Self { stream: opened.expect("the server accepts the socket").0 };
        let mut init = json!({"type": "connection_init"});
        if let Some((name, value)) = credentials.first() {
            init["payload"] = json!({ *name: value });
        }
        socket.send_json(&init).await;
        assert_eq!(socket.next_message().await["type"], "connection_ack");
        socket
    }

    /// Sends a message.
    pub async fn send_json(&mut self, message: &Value) {
        // A client whose socket was closed meanwhile receives the reason.
        let _ = self.stream.send(Message::text(message.to_string())).await;
    }

    /// Starts an operation under this ID.
    pub async fn execute(&mut self, id: &str, query: &str) {
        let payload = json!({"query": query});
        self.send_json(&json!({"id": id, "type": "subscribe", "payload": payload})).await;
    }

    /// The next message.
    ///
    /// # Panics
    /// If the socket closes, or no message arrives within 20 seconds.
    pub async fn next_message(&mut self) -> Value {
        self.message_within(TIMEOUT).await.expect("the server sends a message")
    }

    /// The next message, if one arrives within `time`.
    ///
    /// # Panics
    /// If the socket closes.
    pub async fn message_within(&mut self, time: Duration) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(time, self.stream.next()).await.ok()?;
            match message {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).expect("messages are JSON"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("the socket closed: {other:?}"),
            }
        }
    }
}
