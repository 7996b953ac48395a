//! An attacker, and the transport of its documents.

use reqwest::Method;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};

use super::server::Server;
use crate::testing::Client;

/// The transport of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `POST /graphql`.
    Post,
    /// The same, answered as an event stream.
    EventStream,
    /// `/graphql/ws`.
    Socket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    Anonymous,
    User,
    Service,
}

/// A caller who tries to reach another user's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attacker {
    identity: Identity,
    transport: Transport,
}

impl Attacker {
    /// The other user.
    #[must_use]
    pub const fn user(transport: Transport) -> Self {
        Self { identity: Identity::User, transport }
    }

    /// A caller without credentials.
    #[must_use]
    pub const fn anonymous(transport: Transport) -> Self {
        Self { identity: Identity::Anonymous, transport }
    }

    /// A service caller (an OAuth client with an access token of its own) with the user's ID as its subject.
    #[must_use]
    pub const fn service(transport: Transport) -> Self {
        Self { identity: Identity::Service, transport }
    }

    pub(super) fn is_authenticated(self) -> bool {
        self.identity != Identity::Anonymous
    }

    fn client(self, server: &Server) -> Client<'_> {
        let victim = &server.users.alice;
        match self.identity {
            Identity::Anonymous => server.app.anonymous(),
            Identity::User => server.client(&server.users.bob),
            Identity::Service => server.client(&victim.clone().with("client_id", victim.id())),
        }
    }

    /// The response to `body`: status, headers, and the GraphQL response.
    pub(super) async fn ask(self, server: &Server, body: &Value) -> Response {
        ask(&self.client(server), self.transport, body).await
    }
}

/// A response: status, headers, and the GraphQL response.
pub(super) type Response = (StatusCode, HeaderMap, String);

/// The response to `body`, sent by `client`.
pub(super) async fn ask(client: &Client<'_>, transport: Transport, body: &Value) -> Response {
    match transport {
        Transport::Post => post(client, body, "application/json").await,
        Transport::EventStream => {
            let (status, headers, events) = post(client, body, "text/event-stream").await;
            (status, headers, of_event(&events).to_owned())
        }
        Transport::Socket => (StatusCode::OK, HeaderMap::new(), over_socket(client, body).await),
    }
}

async fn post(client: &Client<'_>, body: &Value, accept: &str) -> Response {
    let request = client.request(Method::POST, "/graphql").header(ACCEPT, accept);
    let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
    let response = request.send().await.expect("the server responds");
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.text().await.expect("the body is complete"))
}

async fn over_socket(client: &Client<'_>, body: &Value) -> String {
    let mut socket = client.socket().await;
    socket.send_json(&json!({"id": "1", "type": "subscribe", "payload": body})).await;
    let reported = socket.next_message().await;
    match reported["type"].as_str() {
        Some("next") => reported["payload"].to_string(),
        Some("error") => json!({"errors": reported["payload"]}).to_string(),
        _ => panic!("no response: {reported}"),
    }
}

/// The response in a stream's first event.
fn of_event(events: &str) -> &str {
    let data = events.strip_prefix("event: next\ndata: ");
    let data = data.unwrap_or_else(|| panic!("no response: {events}"));
    data.split_once("\n\n").expect("an event ends with an empty line").0
}
