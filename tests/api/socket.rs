//! A client of `/graphql/ws`, which says what it likes.

use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::app::{App, Client};
use crate::log;

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");
const SUBSCRIPTION: &str = "subscription { taskEvents { kind taskId task { title } } }";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

/// What the server says.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Said(Value),
    Closed(u16, String),
    Gone,
}

impl Socket {
    /// Opens a socket with these headers; else the status of the refusal.
    pub async fn open(app: &App, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        Self::open_speaking(app, &[&[PROTOCOL], headers].concat()).await
    }

    /// The same, without naming a protocol.
    pub async fn open_speaking(app: &App, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let address = app.url.strip_prefix("http://").unwrap();
        let mut request = format!("ws://{address}/graphql/ws").into_client_request().unwrap();
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

    /// An acknowledged socket of whoever shows this token.
    pub async fn by_bearer(app: &App, token: &str) -> Self {
        log::must_not_show(token);
        let mut socket = Self::open(app, &[]).await.unwrap();
        let shown = json!({"authorization": format!("Bearer {token}")});
        assert_eq!(socket.introduce(shown).await, Heard::Said(json!({"type": "connection_ack"})));
        socket
    }

    /// An acknowledged socket of nobody.
    pub async fn by_nobody(app: &App) -> Self {
        let mut socket = Self::open(app, &[]).await.unwrap();
        socket.say(&json!({"type": "connection_init"})).await;
        assert_eq!(socket.hear().await, Heard::Said(json!({"type": "connection_ack"})));
        socket
    }

    /// What the server says to `connection_init` with this payload.
    pub async fn introduce(&mut self, payload: Value) -> Heard {
        self.say(&json!({"type": "connection_init", "payload": payload})).await;
        self.hear().await
    }

    pub async fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string())).await;
    }

    pub async fn send(&mut self, message: Message) {
        // Who was closed meanwhile hears why.
        let _ = self.stream.send(message).await;
    }

    /// Sends bytes that may be no frame.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes).await;
    }

    /// Asks for something under this id.
    pub async fn ask(&mut self, id: &str, query: &str) {
        let payload = json!({"query": query});
        self.say(&json!({"id": id, "type": "subscribe", "payload": payload})).await;
    }

    /// The next thing that the server says.
    pub async fn hear(&mut self) -> Heard {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match message.expect("the server says something") {
                Some(Ok(Message::Text(text))) => {
                    return Heard::Said(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Heard::Closed(frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(None) | Message::Binary(_) | Message::Frame(_)))
                | Some(Err(_))
                | None => return Heard::Gone,
            }
        }
    }

    /// The next thing that the server says, which is no farewell.
    #[track_caller]
    pub fn said(&mut self) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            match self.hear().await {
                Heard::Said(message) => message,
                other => panic!("{place}: {other:?}"),
            }
        }
    }

    /// The code with which the server closes, after whatever it says until then.
    pub async fn code(&mut self) -> u16 {
        loop {
            match self.hear().await {
                Heard::Closed(code, _) => return code,
                Heard::Gone => panic!("the server went without a word"),
                Heard::Said(_) => {}
            }
        }
    }

    /// Subscribes to the task events of `who`, whose socket this is, and goes on when they are heard.
    pub async fn hear_tasks(&mut self, id: &str, who: &Client<'_>) {
        self.ask(id, SUBSCRIPTION).await;
        let make = |title: &'static str| {
            let query =
                format!("mutation {{ createTask(input: {{title: \"{title}\"}}) {{ id }} }}");
            async move { who.data(&query).await }
        };
        // Whether it listens yet is told by nothing but that it hears.
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "nothing is heard");
            make("whether somebody listens").await;
            let first = tokio::time::timeout(Duration::from_millis(100), self.said()).await;
            match first {
                Ok(message) if message["type"] == "next" => break,
                // A node that begins to hear others says so.
                Ok(message) => {
                    assert_eq!(message["payload"][0]["extensions"]["code"], "EVENTS_MISSED");
                    self.ask(id, SUBSCRIPTION).await;
                }
                Err(_) => {}
            }
        }
        make("ready").await;
        while self.event().await.1 != "ready" {}
    }

    /// The next task event: its kind and the task's title.
    pub async fn event(&mut self) -> (String, Value) {
        let message = self.said().await;
        assert_eq!(message["type"], "next", "{message}");
        let event = &message["payload"]["data"]["taskEvents"];
        (event["kind"].as_str().unwrap().to_owned(), event["task"]["title"].clone())
    }
}
