//! `Accept: text/event-stream`: streams of events (graphql-sse, distinct connections).

use std::time::{Duration, Instant};

use hallpass_data::now;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::identity::revocation::{Push, SECRET, with_push};
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;

pub const TASKS: &str = "subscription { taskEvents { kind task { title } } }";
const TIMEOUT: Duration = Duration::from_secs(20);

/// An open stream.
pub struct Stream {
    response: Response,
    read: String,
}

/// What arrives on a stream.
#[derive(Debug, PartialEq)]
pub enum Arrival {
    Next(Value),
    Complete,
    Comment,
    /// The stream was interrupted.
    End,
}

pub async fn post_query(who: &Client<'_>, query: &str, accept: &str) -> Response {
    let request = who.request(Method::POST, "/graphql");
    let request = request.header(CONTENT_TYPE, "application/json").header(ACCEPT, accept);
    request.body(json!({"query": query}).to_string()).send().await.unwrap()
}

impl Stream {
    pub async fn of(who: &Client<'_>, query: &str) -> Self {
        let response = post_query(who, query, "text/event-stream").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream; charset=utf-8");
        Self { response, read: String::new() }
    }

    pub async fn next(&mut self) -> Arrival {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                return match event.split_once('\n') {
                    Some(("event: next", data)) => {
                        let json = data.strip_prefix("data: ").unwrap();
                        Arrival::Next(serde_json::from_str(json).unwrap())
                    }
                    Some(("event: complete", "data: ")) => Arrival::Complete,
                    None if event == ":" => Arrival::Comment,
                    _ => panic!("no event: {event}"),
                };
            }
            let chunk = tokio::time::timeout(TIMEOUT, self.response.chunk()).await;
            match chunk.expect("something comes").unwrap_or_default() {
                Some(bytes) => self.read.push_str(std::str::from_utf8(&bytes).unwrap()),
                None => return Arrival::End,
            }
        }
    }

    /// Waits until the task events of `who` arrive. Returns false if the stream ends with an error instead, as when the
    /// server has just subscribed to Redis.
    pub async fn wait_for_task_events(&mut self, who: &Client<'_>) -> bool {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < TIMEOUT, "no event arrives");
            who.data("mutation { createTask(input: {title: \"probe\"}) { task { id } } }").await;
            let first = tokio::time::timeout(Duration::from_millis(100), self.next()).await;
            match first {
                Ok(Arrival::Next(answer)) => return answer["errors"].is_null(),
                Ok(arrival) => panic!("{arrival:?}"),
                Err(_) => {}
            }
        }
    }

    /// The code of the error with which it completes, after any other events.
    async fn final_code(&mut self) -> Value {
        let (code, is_complete) = self.final_event().await;
        assert!(is_complete, "it broke off after {code}");
        code
    }

    /// The code of the last error, and whether the stream completes then or is interrupted.
    async fn final_event(&mut self) -> (Value, bool) {
        let (mut code, mut is_complete) = (Value::Null, false);
        loop {
            match self.next().await {
                Arrival::Next(answer) => code = answer["errors"][0]["extensions"]["code"].clone(),
                Arrival::Comment => {}
                Arrival::Complete => is_complete = true,
                Arrival::End => return (code, is_complete),
            }
        }
    }
}

#[tokio::test]
async fn task_events_are_per_owner() {
    let app = App::start(Backend::Sqlite).await;
    let (alices, bobs) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
    let mut stream = Stream::of(&alices, TASKS).await;
    assert!(stream.wait_for_task_events(&alices).await);
    bobs.data("mutation { createTask(input: {title: \"Bob's\", isPublic: true}) { task { id } } }")
        .await;
    alices.data("mutation { createTask(input: {title: \"Hers\"}) { task { id } } }").await;
    loop {
        let Arrival::Next(answer) = stream.next().await else { panic!("it ended") };
        let event = &answer["data"]["taskEvents"];
        if event["task"]["title"] != "probe" {
            assert_eq!(*event, json!({"kind": "CREATED", "task": {"title": "Hers"}}));
            break;
        }
    }
}

#[tokio::test]
async fn event_stream_only_streams_any_operation() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&alice());
    for (query, data) in [
        ("{ viewer { id } }", json!({"viewer": {"id": alice().id()}})),
        (
            "mutation { createTask(input: {title: \"x\"}) { task { title } } }",
            json!({"createTask": {"task": {"title": "x"}}}),
        ),
    ] {
        let mut stream = Stream::of(&who, query).await;
        assert_eq!(stream.next().await, Arrival::Next(json!({ "data": data })));
        assert_eq!(stream.next().await, Arrival::Complete);
        assert_eq!(stream.next().await, Arrival::End);
        let plain = post_query(&who, query, "application/json, text/event-stream").await;
        assert_eq!(plain.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
    }
    let either = post_query(&who, TASKS, "application/json, text/event-stream").await;
    assert_eq!(either.headers()[CONTENT_TYPE], "text/event-stream; charset=utf-8");
    assert_eq!(either.headers()["cache-control"], "no-store");
    assert_eq!(who.ask(TASKS).await.codes(), ["QUERY_REJECTED"], "one response cannot stream");
}

#[tokio::test]
async fn document_errors_are_events_not_statuses() {
    let app = App::with(Backend::Sqlite, &["--max-depth", "3"]).await;
    let who = app.by_jwt(&alice());
    for (query, code) in [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ tasks { edges { node { id } } } }", "QUERY_REJECTED"),
        ("subscription { taskEvents { kind } again: taskEvents { kind } }", "QUERY_REJECTED"),
    ] {
        assert_eq!(Stream::of(&who, query).await.final_code().await, code, "{query}");
    }
    let mut anonymous = Stream::of(&app.anonymous(), TASKS).await;
    assert_eq!(anonymous.final_code().await, "UNAUTHENTICATED");
    let forged = post_query(&app.by_bearer("a.forged.token"), TASKS, "text/event-stream").await;
    assert_eq!(forged.status(), 401);
    assert_eq!(forged.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    let get = who.request(Method::GET, "/graphql?query={__typename}");
    assert_eq!(get.header(ACCEPT, "text/event-stream").send().await.unwrap().status(), 406);
}

#[tokio::test]
async fn expired_token_ends_the_stream() {
    let app = App::start(Backend::Sqlite).await;
    let expires = now().timestamp() + 2;
    let token = Issuer::shared().token(&alice().with("exp", expires).claims());
    let mut stream = Stream::of(&app.by_bearer(&token), TASKS).await;
    assert_eq!(stream.final_event().await, (json!("UNAUTHENTICATED"), false));
    assert!(now().timestamp() >= expires);
}

#[tokio::test]
async fn revocation_completes_the_stream() {
    let app = App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await;
    let mut stream = Stream::of(&app.by_jwt(&alice()), TASKS).await;
    let began = Instant::now();
    assert_eq!(Push::user(alice().id()).to(&app).await, 204);
    assert_eq!(stream.final_code().await, "UNAUTHENTICATED");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn shutdown_ends_streams_without_complete() {
    let app = App::start(Backend::Sqlite).await;
    let mut stream = Stream::of(&app.by_jwt(&alice()), TASKS).await;
    let began = Instant::now();
    drop(app);
    assert_eq!(stream.next().await, Arrival::End, "without `complete`, so that clients reconnect");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn idle_stream_sends_keep_alive() {
    let app = App::start(Backend::Sqlite).await;
    let mut stream = Stream::of(&app.by_jwt(&alice()), TASKS).await;
    assert_eq!(stream.next().await, Arrival::Comment);
}

#[tokio::test]
async fn role_change_ends_the_stream() {
    let (server, app) = with_push(Backend::Sqlite).await;
    let account = server.sign_up("Promoted", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    let mut stream = Stream::of(&who, TASKS).await;
    assert!(stream.wait_for_task_events(&who).await);
    server.set_user(&account, json!({"role": "admin", "hooks": true})).await;
    assert_eq!(stream.final_event().await, (json!("UNAVAILABLE"), false));
    assert!(Stream::of(&who, TASKS).await.wait_for_task_events(&who).await);
}
