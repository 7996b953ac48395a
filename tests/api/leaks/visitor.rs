//! Whoever sends a document, and the door by which it comes in.

use axum::http::{HeaderMap, StatusCode};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::app::App;
use crate::issuer::Issuer;
use crate::people::{User, alice};
use crate::socket::Socket;

/// Where a document comes in.
#[derive(Clone, Copy, Debug)]
pub enum Door {
    /// `POST /graphql`.
    Post,
    /// The same, answered as a stream of events.
    Stream,
    /// `/graphql/ws`.
    Socket,
}

/// Somebody at a door.
pub struct Visitor {
    token: Option<String>,
    door: Door,
}

impl Visitor {
    pub fn nobody(door: Door) -> Self {
        Self { token: None, door }
    }

    pub fn person(user: &User, door: Door) -> Self {
        Self { token: Some(Issuer::shared().token(&user.claims())), door }
    }

    /// A machine that bears alice's name, at a server whose `OAUTH_RESOURCE` is `resource`.
    pub fn machine(resource: &str, door: Door) -> Self {
        let issuer = Issuer::shared();
        let mut claims = issuer.full(&alice().claims());
        claims["iss"] = format!("{}/api/auth", issuer.url()).into();
        claims["aud"] = resource.into();
        claims["client_id"] = claims["sub"].clone();
        let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"});
        Self { token: Some(issuer.ed25519.sign_raw(&header, &claims.to_string())), door }
    }

    pub fn is_somebody(&self) -> bool {
        self.token.is_some()
    }

    /// What is answered to `body`: status, headers, and the GraphQL answer.
    pub async fn ask(&self, app: &App, body: &Value) -> (StatusCode, HeaderMap, String) {
        match self.door {
            Door::Post => self.post(app, body, "application/json").await,
            Door::Stream => {
                let (status, headers, events) = self.post(app, body, "text/event-stream").await;
                (status, headers, of_event(&events).to_owned())
            }
            Door::Socket => (StatusCode::OK, HeaderMap::new(), self.over_socket(app, body).await),
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
            None => Socket::by_nobody(app).await,
        };
        socket.say(&json!({"id": "1", "type": "subscribe", "payload": body})).await;
        let said = socket.said().await;
        match said["type"].as_str() {
            Some("next") => said["payload"].to_string(),
            Some("error") => json!({"errors": said["payload"]}).to_string(),
            _ => panic!("no answer: {said}"),
        }
    }
}

/// The answer that a stream's first event gives.
fn of_event(events: &str) -> &str {
    let data = events.strip_prefix("event: next\ndata: ");
    let data = data.unwrap_or_else(|| panic!("no answer: {events}"));
    data.split_once("\n\n").unwrap().0
}
