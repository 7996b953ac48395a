//! `Accept: multipart/mixed;subscriptionSpec=1.0`: subscriptions as Apollo's clients send them.

use std::time::{Duration, Instant};

use hallpass_data::now;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::identity::revocation::{Push, SECRET, with_push};
use crate::streaming::graphql_sse::{TASKS, post_query};
use crate::support::app::{App, Backend, Client};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;

/// The header of Apollo Client.
const ACCEPT: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json";
const DELIMITER: &str = "\r\n---";
const TIMEOUT: Duration = Duration::from_secs(20);

/// An open stream, read as RFC 2046 section 5.1.1 says.
struct Stream {
    response: Response,
    read: String,
    has_started: bool,
}

#[derive(Debug, PartialEq)]
enum Arrival {
    Part(Value),
    /// The closing delimiter.
    Complete,
    /// The stream was interrupted.
    End,
}

impl Stream {
    async fn of(who: &Client<'_>, query: &str) -> Self {
        let response = post_query(who, query, ACCEPT).await;
        assert_eq!(response.status(), 200);
        let content_type = &response.headers()[CONTENT_TYPE];
        assert_eq!(content_type, "multipart/mixed;boundary=\"-\";subscriptionSpec=1.0");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, read: String::new(), has_started: false }
    }

    async fn next(&mut self) -> Arrival {
        loop {
            if self.has_started && self.read == "--\r\n" {
                return Arrival::Complete;
            }
            if let Some((part, rest)) = self.read.split_once(DELIMITER) {
                let (part, rest) = (part.to_owned(), rest.to_owned());
                self.read = rest;
                if !std::mem::replace(&mut self.has_started, true) {
                    assert_eq!(part, "", "nothing precedes the first delimiter");
                    continue;
                }
                let (head, body) = part.split_once("\r\n\r\n").unwrap();
                assert_eq!(head, "\r\ncontent-type: application/json");
                return Arrival::Part(serde_json::from_str(body).unwrap());
            }
            let chunk = tokio::time::timeout(TIMEOUT, self.response.chunk()).await;
            match chunk.expect("something comes").unwrap_or_default() {
                Some(bytes) => self.read.push_str(std::str::from_utf8(&bytes).unwrap()),
                None => return Arrival::End,
            }
        }
    }

    async fn wait_for_task_events(&mut self, who: &Client<'_>) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < TIMEOUT, "no event arrives");
            who.data("mutation { createTask(input: {title: \"probe\"}) { task { id } } }").await;
            let first = tokio::time::timeout(Duration::from_millis(100), self.next()).await;
            if let Ok(Arrival::Part(part)) = first {
                assert_eq!(part["payload"]["data"]["taskEvents"]["kind"], "CREATED", "{part}");
                return;
            }
        }
    }

    /// The last part with an error, and whether the stream completes then or is interrupted.
    async fn last(&mut self) -> (Value, bool) {
        let mut last = Value::Null;
        loop {
            match self.next().await {
                Arrival::Part(part) if part == json!({}) => {}
                Arrival::Part(part) => last = part,
                Arrival::Complete => return (last, true),
                Arrival::End => return (last, false),
            }
        }
    }

    /// The code of the error of the transport with which it ends, and whether it completes then.
    async fn final_code(&mut self) -> (Value, bool) {
        let (part, is_complete) = self.last().await;
        assert_eq!(part["payload"], Value::Null, "the error is none of the operation: {part}");
        (part["errors"][0]["extensions"]["code"].clone(), is_complete)
    }
}

#[tokio::test]
async fn multipart_carries_task_events() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&alice());
    let mut stream = Stream::of(&who, TASKS).await;
    stream.wait_for_task_events(&who).await;
    who.data("mutation { createTask(input: {title: \"a\\r\\n---\"}) { task { id } } }").await;
    loop {
        let Arrival::Part(part) = stream.next().await else { panic!("it ended") };
        let title = &part["payload"]["data"]["taskEvents"]["task"]["title"];
        if title != "probe" {
            assert_eq!(title, "a\r\n---", "a text cannot end a part");
            break;
        }
    }
}

#[tokio::test]
async fn multipart_only_streams_any_operation() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&alice());
    for accept in [
        "multipart/mixed;subscriptionSpec=1.0",
        "multipart/mixed; subscriptionSpec=\"1.0\"",
        "text/html, Multipart/Mixed; boundary=x; SUBSCRIPTIONSPEC=1.0; q=0.9",
    ] {
        let response = post_query(&who, "{ viewer { id } }", accept).await;
        let text = response.text().await.unwrap();
        let part = json!({"payload": {"data": {"viewer": {"id": alice().id()}}}});
        let head = "content-type: application/json";
        assert_eq!(text, format!("\r\n---\r\n{head}\r\n\r\n{part}\r\n-----\r\n"), "{accept}");
    }
    let plain = post_query(&who, "{ viewer { id } }", ACCEPT).await;
    assert_eq!(plain.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
    for accept in ["multipart/mixed", "multipart/mixed;subscriptionSpec=2.0"] {
        assert_eq!(post_query(&who, TASKS, accept).await.status(), 406, "{accept}");
    }
    let defers = post_query(&who, TASKS, "multipart/mixed;deferSpec=20220824,application/json");
    assert_eq!(defers.await.status(), 400, "one response cannot stream");
    let both = post_query(&who, TASKS, "multipart/mixed;subscriptionSpec=1.0, text/event-stream");
    assert_eq!(both.await.headers()[CONTENT_TYPE], "text/event-stream; charset=utf-8");
}

#[tokio::test]
async fn multipart_errors_of_documents_are_payloads() {
    let app = App::start(Backend::Sqlite).await;
    let accept = "multipart/mixed;subscriptionSpec=1.0";
    for (query, code) in [("{ nothing }", "GRAPHQL_VALIDATION_FAILED"), (TASKS, "UNAUTHENTICATED")]
    {
        let response = post_query(&app.anonymous(), query, accept).await;
        let mut stream = Stream { response, read: String::new(), has_started: false };
        let (part, is_complete) = stream.last().await;
        assert_eq!(part["payload"]["errors"][0]["extensions"]["code"], code, "{part}");
        assert!(is_complete);
    }
    let forged = post_query(&app.by_bearer("a.forged.token"), TASKS, ACCEPT).await;
    assert_eq!(forged.status(), 401);
    assert_eq!(forged.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn expired_token_interrupts_multipart() {
    let app = App::start(Backend::Sqlite).await;
    let expires = now().timestamp() + 2;
    let token = Issuer::shared().token(&alice().with("exp", expires).claims());
    let mut stream = Stream::of(&app.by_bearer(&token), TASKS).await;
    assert_eq!(stream.final_code().await, (json!("UNAUTHENTICATED"), false));
    assert!(now().timestamp() >= expires);
}

#[tokio::test]
async fn revocation_completes_multipart() {
    let app = App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await;
    let mut stream = Stream::of(&app.by_jwt(&alice()), TASKS).await;
    assert_eq!(Push::user(alice().id()).to(&app).await, 204);
    assert_eq!(stream.final_code().await, (json!("UNAUTHENTICATED"), true));
}

#[tokio::test]
async fn role_change_interrupts_multipart() {
    let (server, app) = with_push(Backend::Sqlite).await;
    let account = server.sign_up("Multipart", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    let mut stream = Stream::of(&who, TASKS).await;
    stream.wait_for_task_events(&who).await;
    server.set_user(&account, json!({"role": "admin", "hooks": true})).await;
    assert_eq!(stream.final_code().await, (json!("UNAVAILABLE"), false));
}

#[tokio::test]
async fn shutdown_interrupts_multipart() {
    let app = App::start(Backend::Sqlite).await;
    let mut stream = Stream::of(&app.by_jwt(&alice()), TASKS).await;
    drop(app);
    assert_eq!(stream.next().await, Arrival::End, "without the closing delimiter");
}

#[tokio::test]
async fn idle_multipart_sends_heartbeats() {
    let app = App::start(Backend::Sqlite).await;
    let mut stream = Stream::of(&app.by_jwt(&alice()), TASKS).await;
    assert_eq!(stream.next().await, Arrival::Part(json!({})));
}

#[tokio::test]
async fn multipart_counts_on_the_callers_streams() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&alice());
    let mut open = Vec::new();
    for number in 0..64 {
        let accept = if number % 2 == 0 { ACCEPT } else { "text/event-stream" };
        let stream = post_query(&who, TASKS, accept).await;
        assert_eq!(stream.status(), 200, "{number}");
        open.push(stream);
    }
    let rejected = post_query(&who, TASKS, ACCEPT).await;
    assert_eq!(rejected.status(), 429);
    assert!(rejected.headers().contains_key("retry-after"));
    drop(open);
}
