//! `Accept: text/event-stream`: streams of events (graphql-sse, distinct connections).

use std::time::{Duration, Instant};

use hallpass_data::now;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{App, Backend, Client};
use crate::issuer::Issuer;
use crate::people::{alice, bob};
use crate::revocations::{Push, SECRET, pushed_to};

pub const TASKS: &str = "subscription { taskEvents { kind task { title } } }";
const PATIENCE: Duration = Duration::from_secs(20);

/// An open stream.
pub struct Stream {
    response: Response,
    read: String,
}

/// What comes over it.
#[derive(Debug, PartialEq)]
pub enum Came {
    Next(Value),
    Complete,
    Comment,
    /// It broke off.
    End,
}

pub async fn asked(who: &Client<'_>, query: &str, accept: &str) -> Response {
    let request = who.request(Method::POST, "/graphql");
    let request = request.header(CONTENT_TYPE, "application/json").header(ACCEPT, accept);
    request.body(json!({"query": query}).to_string()).send().await.unwrap()
}

impl Stream {
    pub async fn of(who: &Client<'_>, query: &str) -> Self {
        let response = asked(who, query, "text/event-stream").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream; charset=utf-8");
        Self { response, read: String::new() }
    }

    pub async fn comes(&mut self) -> Came {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.read = rest;
                return match event.split_once('\n') {
                    Some(("event: next", data)) => {
                        let json = data.strip_prefix("data: ").unwrap();
                        Came::Next(serde_json::from_str(json).unwrap())
                    }
                    Some(("event: complete", "data: ")) => Came::Complete,
                    None if event == ":" => Came::Comment,
                    _ => panic!("no event: {event}"),
                };
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            match chunk.expect("something comes").unwrap_or_default() {
                Some(bytes) => self.read.push_str(std::str::from_utf8(&bytes).unwrap()),
                None => return Came::End,
            }
        }
    }

    /// Goes on when the task events of `who` are heard.
    pub async fn hears_tasks(&mut self, who: &Client<'_>) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "nothing is heard");
            who.data("mutation { createTask(input: {title: \"anybody?\"}) { id } }").await;
            let first = tokio::time::timeout(Duration::from_millis(100), self.comes()).await;
            if let Ok(came) = first {
                assert!(matches!(came, Came::Next(_)), "{came:?}");
                return;
            }
        }
    }

    /// The code of the error with which it completes, after whatever comes until then.
    async fn last_code(&mut self) -> Value {
        let (code, is_complete) = self.last().await;
        assert!(is_complete, "it broke off after {code}");
        code
    }

    /// The code of the last error, and whether the stream is complete then or breaks off.
    async fn last(&mut self) -> (Value, bool) {
        let (mut code, mut is_complete) = (Value::Null, false);
        loop {
            match self.comes().await {
                Came::Next(answer) => code = answer["errors"][0]["extensions"]["code"].clone(),
                Came::Comment => {}
                Came::Complete => is_complete = true,
                Came::End => return (code, is_complete),
            }
        }
    }
}

#[tokio::test]
async fn alice_hears_what_happens_to_her_tasks_and_nothing_of_bobs() {
    let app = App::start(Backend::Sqlite).await;
    let (hers, his) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
    let mut stream = Stream::of(&hers, TASKS).await;
    stream.hears_tasks(&hers).await;
    his.data("mutation { createTask(input: {title: \"Bob's\", isPublic: true}) { id } }").await;
    hers.data("mutation { createTask(input: {title: \"Hers\"}) { id } }").await;
    loop {
        let Came::Next(answer) = stream.comes().await else { panic!("it ended") };
        let event = &answer["data"]["taskEvents"];
        if event["task"]["title"] != "anybody?" {
            assert_eq!(*event, json!({"kind": "CREATED", "task": {"title": "Hers"}}));
            break;
        }
    }
}

#[tokio::test]
async fn queries_and_mutations_are_streamed_to_whom_nothing_else_will_do() {
    let app = App::start(Backend::Sqlite).await;
    let who = app.by_jwt(&alice());
    for (query, data) in [
        ("{ viewer { id } }", json!({"viewer": {"id": alice().id()}})),
        (
            "mutation { createTask(input: {title: \"x\"}) { title } }",
            json!({"createTask": {"title": "x"}}),
        ),
    ] {
        let mut stream = Stream::of(&who, query).await;
        assert_eq!(stream.comes().await, Came::Next(json!({ "data": data })));
        assert_eq!(stream.comes().await, Came::Complete);
        assert_eq!(stream.comes().await, Came::End);
        let plain = asked(&who, query, "application/json, text/event-stream").await;
        assert_eq!(plain.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
    }
    let either = asked(&who, TASKS, "application/json, text/event-stream").await;
    assert_eq!(either.headers()[CONTENT_TYPE], "text/event-stream; charset=utf-8");
    assert_eq!(either.headers()["cache-control"], "no-store");
    assert_eq!(who.ask(TASKS).await.codes(), ["QUERY_REJECTED"], "one answer cannot last");
}

#[tokio::test]
async fn what_is_wrong_with_the_document_is_an_event_and_with_the_request_a_status() {
    let app = App::with(Backend::Sqlite, &["--max-depth", "3"]).await;
    let who = app.by_jwt(&alice());
    for (query, code) in [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ tasks { edges { node { id } } } }", "QUERY_REJECTED"),
        ("subscription { taskEvents { kind } again: taskEvents { kind } }", "QUERY_REJECTED"),
    ] {
        assert_eq!(Stream::of(&who, query).await.last_code().await, code, "{query}");
    }
    let mut nobody = Stream::of(&app.anonymous(), TASKS).await;
    assert_eq!(nobody.last_code().await, "UNAUTHENTICATED");
    let forged = asked(&app.by_bearer("a.forged.token"), TASKS, "text/event-stream").await;
    assert_eq!(forged.status(), 401);
    assert_eq!(forged.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    let get = who.request(Method::GET, "/graphql?query={__typename}");
    assert_eq!(get.header(ACCEPT, "text/event-stream").send().await.unwrap().status(), 406);
}

#[tokio::test]
async fn a_stream_ends_when_the_token_expires() {
    let app = App::start(Backend::Sqlite).await;
    let expires = now().timestamp() + 2;
    let token = Issuer::shared().token(&alice().with("exp", expires).claims());
    let mut stream = Stream::of(&app.by_bearer(&token), TASKS).await;
    assert_eq!(stream.last().await, (json!("UNAUTHENTICATED"), false));
    assert!(now().timestamp() >= expires);
}

#[tokio::test]
async fn a_stream_ends_when_its_user_is_taken_back() {
    let app = App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await;
    let mut stream = Stream::of(&app.by_jwt(&alice()), TASKS).await;
    let began = Instant::now();
    assert_eq!(Push::user(alice().id()).to(&app).await, 204);
    assert_eq!(stream.last_code().await, "UNAUTHENTICATED");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn when_the_server_stops_streams_break_off_and_do_not_hold_it() {
    let app = App::start(Backend::Sqlite).await;
    let mut stream = Stream::of(&app.by_jwt(&alice()), TASKS).await;
    let began = Instant::now();
    drop(app);
    assert_eq!(stream.comes().await, Came::End, "without `complete`, so that clients ask again");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_stream_on_which_nothing_comes_shows_that_it_is_there() {
    let app = App::start(Backend::Sqlite).await;
    let mut stream = Stream::of(&app.by_jwt(&alice()), TASKS).await;
    assert_eq!(stream.comes().await, Came::Comment);
}

#[tokio::test]
async fn a_stream_of_a_session_whose_role_changes_is_to_be_asked_for_again() {
    let (server, app) = pushed_to(Backend::Sqlite).await;
    let account = server.sign_up("Promoted", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    let mut stream = Stream::of(&who, TASKS).await;
    stream.hears_tasks(&who).await;
    server.set_user(&account, json!({"role": "admin", "hooks": true})).await;
    assert_eq!(stream.last().await, (json!("UNAVAILABLE"), false));
    Stream::of(&who, TASKS).await.hears_tasks(&who).await;
}
