//! A client of `/graphql/ws` that can send any frame.

use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::app::{App, Client};
use crate::support::secret_log;

pub const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");
const SUBSCRIPTION: &str = "subscription { taskEvents { kind taskId task { title } } }";
/// Longer than any operation here takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

/// What the server sends.
#[derive(Debug, PartialEq)]
pub enum ReceivedEvent {
    Message(Value),
    Closed(u16, String),
    Disconnected,
}

impl ReceivedEvent {
    /// Whether it acknowledges the connection.
    pub fn is_ack(&self) -> bool {
        matches!(self, Self::Message(message) if message["type"] == "connection_ack")
    }
}

impl Socket {
    /// Opens a socket with these headers; else the status of the rejection.
    pub async fn open(app: &App, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        Self::open_with_headers(app, &[&[PROTOCOL], headers].concat()).await
    }

    /// The same, without a subprotocol.
    pub async fn open_with_headers(
        app: &App,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        Self::open_at("/graphql/ws", app, headers).await
    }

    /// The same, at this path.
    pub async fn open_at(
        path: &str,
        app: &App,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        Self::open_at_url(&app.url, path, headers).await
    }

    /// The same, of the server at `url`.
    pub async fn open_at_url(
        url: &str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let address = url.strip_prefix("http://").unwrap();
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    /// An acknowledged socket with this token.
    pub async fn by_bearer(app: &App, token: &str) -> Self {
        secret_log::forbid_in_log(token);
        Self::open(app, &[]).await.unwrap().signed_in(token).await
    }

    /// This socket, acknowledged with this token.
    pub async fn signed_in(mut self, token: &str) -> Self {
        let shown = json!({"authorization": format!("Bearer {token}")});
        let received = self.connection_init(shown).await;
        assert!(received.is_ack(), "{received:?}");
        self
    }

    /// An acknowledged anonymous socket.
    pub async fn anonymous(app: &App) -> Self {
        let mut socket = Self::open(app, &[]).await.unwrap();
        socket.send_json(&json!({"type": "connection_init"})).await;
        assert_eq!(socket.recv().await, ReceivedEvent::Message(json!({"type": "connection_ack"})));
        socket
    }

    /// The server's response to `connection_init` with this payload.
    pub async fn connection_init(&mut self, payload: Value) -> ReceivedEvent {
        self.send_json(&json!({"type": "connection_init", "payload": payload})).await;
        self.recv().await
    }

    pub async fn send_json(&mut self, message: &Value) {
        self.send(Message::text(message.to_string())).await;
    }

    pub async fn send(&mut self, message: Message) {
        // A client whose socket was closed meanwhile receives the reason.
        let _ = self.stream.send(message).await;
    }

    /// Sends bytes that need not be a frame.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes).await;
    }

    /// Starts an operation under this id.
    pub async fn execute(&mut self, id: &str, query: &str) {
        let payload = json!({"query": query});
        self.send_json(&json!({"id": id, "type": "subscribe", "payload": payload})).await;
    }

    /// The next event from the server.
    pub async fn recv(&mut self) -> ReceivedEvent {
        loop {
            let message = tokio::time::timeout(TIMEOUT, self.stream.next()).await;
            match message.expect("the server sends something") {
                Some(Ok(Message::Text(text))) => {
                    return ReceivedEvent::Message(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return ReceivedEvent::Closed(frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(None) | Message::Binary(_) | Message::Frame(_)))
                | Some(Err(_))
                | None => return ReceivedEvent::Disconnected,
            }
        }
    }

    /// The next message; fails if the socket closes.
    #[track_caller]
    pub fn next_message(&mut self) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            match self.recv().await {
                ReceivedEvent::Message(message) => message,
                other => panic!("{place}: {other:?}"),
            }
        }
    }

    /// The server's close code, after any other messages.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.recv().await {
                ReceivedEvent::Closed(code, _) => return code,
                ReceivedEvent::Disconnected => panic!("the server closed without a code"),
                ReceivedEvent::Message(_) => {}
            }
        }
    }

    /// Subscribes to the task events of `who`, the socket's caller, and returns once events arrive.
    pub async fn subscribe_to_tasks(&mut self, id: &str, who: &Client<'_>) {
        self.execute(id, SUBSCRIPTION).await;
        let make = |title: &'static str| {
            let query = format!(
                "mutation {{ createTask(input: {{title: \"{title}\"}}) {{ task {{ id }} }} }}"
            );
            async move { who.data(&query).await }
        };
        // A received event is the only sign that the subscription is active.
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < TIMEOUT, "no event arrives");
            make("probe").await;
            let first = tokio::time::timeout(Duration::from_millis(100), self.next_message()).await;
            match first {
                Ok(message) if message["type"] == "next" => break,
                // A node that begins to receive the others' events reports the gap.
                Ok(message) => {
                    assert_eq!(message["payload"][0]["extensions"]["code"], "EVENTS_MISSED");
                    self.execute(id, SUBSCRIPTION).await;
                }
                Err(_) => {}
            }
        }
        make("ready").await;
        while self.next_task_event().await.1 != "ready" {}
    }

    /// The next task event: its kind and the task's title.
    pub async fn next_task_event(&mut self) -> (String, Value) {
        let message = self.next_message().await;
        assert_eq!(message["type"], "next", "{message}");
        let event = &message["payload"]["data"]["taskEvents"];
        (event["kind"].as_str().unwrap().to_owned(), event["task"]["title"].clone())
    }
}
