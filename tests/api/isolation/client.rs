//! An attacker, and the transport of its documents.

use axum::http::{HeaderMap, StatusCode};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::callers::{User, alice};
use crate::support::issuer::Issuer;
use crate::support::socket::Socket;

/// The transport of a document.
#[derive(Clone, Copy, Debug)]
pub enum Transport {
    /// `POST /graphql`.
    Post,
    /// The same, answered as an event stream.
    EventStream,
    /// `/graphql/ws`.
    Socket,
}

/// An attacker, with its credential and transport.
pub struct Attacker {
    token: Option<String>,
    transport: Transport,
}

impl Attacker {
    pub fn anonymous(transport: Transport) -> Self {
        Self { token: None, transport }
    }

    pub fn user_caller(user: &User, transport: Transport) -> Self {
        Self { token: Some(Issuer::shared().token(&user.claims())), transport }
    }

    /// A service caller with Alice's id as its subject, at a server whose `OAUTH_RESOURCE` is `resource`.
    pub fn service(resource: &str, transport: Transport) -> Self {
        let issuer = Issuer::shared();
        let mut claims = issuer.full(&alice().claims());
        claims["iss"] = format!("{}/api/auth", issuer.url()).into();
        claims["aud"] = resource.into();
        claims["client_id"] = claims["sub"].clone();
        let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"});
        Self { token: Some(issuer.ed25519.sign_raw(&header, &claims.to_string())), transport }
    }

    pub fn is_authenticated(&self) -> bool {
        self.token.is_some()
    }

    /// The response to `body`: status, headers, and the GraphQL response.
    pub async fn ask(&self, app: &App, body: &Value) -> (StatusCode, HeaderMap, String) {
        match self.transport {
            Transport::Post => self.post(app, body, "application/json").await,
            Transport::EventStream => {
                let (status, headers, events) = self.post(app, body, "text/event-stream").await;
                (status, headers, of_event(&events).to_owned())
            }
            Transport::Socket => {
                (StatusCode::OK, HeaderMap::new(), self.over_socket(app, body).await)
            }
        }
    }

    async fn post(&self, app: &App, body: &Value, accept: &str) -> (StatusCode, HeaderMap, String) {
        let who = self.token.as_deref().map_or_else(|| app.anonymous(), |it| app.by_bearer(it));
        let request = who.request(Method::POST, "/graphql").header(ACCEPT, accept);
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        let response = request.send().await.unwrap();
        (response.status(), response.headers().clone(), response.text().await.unwrap())
    }

    async fn over_socket(&self, app: &App, body: &Value) -> String {
        let mut socket = match &self.token {
            Some(token) => Socket::by_bearer(app, token).await,
            None => Socket::anonymous(app).await,
        };
        socket.send_json(&json!({"id": "1", "type": "subscribe", "payload": body})).await;
        let reported = socket.next_message().await;
        match reported["type"].as_str() {
            Some("next") => reported["payload"].to_string(),
            Some("error") => json!({"errors": reported["payload"]}).to_string(),
            _ => panic!("no response: {reported}"),
        }
    }
}

/// The response in a stream's first event.
fn of_event(events: &str) -> &str {
    let data = events.strip_prefix("event: next\ndata: ");
    let data = data.unwrap_or_else(|| panic!("no response: {events}"));
    data.split_once("\n\n").unwrap().0
}
