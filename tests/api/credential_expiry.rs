//! The times of a credential are compared with the wall clock on each use, whatever was remembered of it: a
//! paused machine and a stepped clock accept no expired credential.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hallpass_data::{now, step_clock};
use serde_json::{Value, json};

use crate::app::{App, Backend};
use crate::auth_server::{AuthServer, GET_SESSION};
use crate::issuer::Issuer;
use crate::live_events::{Came, Stream, TASKS};
use crate::on_both_databases;
use crate::people::alice;
use crate::socket::{Heard, Socket};

const MAKE: &str = "mutation { createTask(input: {title: \"x\"}) { id } }";
const COUNT: &str = "{ tasks { totalCount } }";

/// A token of Alice's for fifteen minutes.
fn token() -> String {
    let claims = alice().with("exp", now().timestamp() + 900).with("nbf", now().timestamp());
    let token = Issuer::shared().token(&claims.claims());
    crate::log::must_not_show(&token);
    token
}

/// How many tasks Alice has, by another token.
async fn count(app: &App) -> Value {
    app.by_bearer(&token()).data(COUNT).await["tasks"]["totalCount"].clone()
}

on_both_databases! {
    async fn expired_token_is_refused_after_a_clock_step(app: App) {
        let token = token();
        let who = app.by_bearer(&token);
        who.data(MAKE).await;
        step_clock(TimeDelta::minutes(16));
        for document in [MAKE, COUNT] {
            let answer = who.ask(document).await;
            assert_eq!(answer.status, 401, "{document}");
            assert_eq!(answer.codes(), ["UNAUTHENTICATED"]);
        }
        assert_eq!(count(&app).await, 1, "nothing was written");
        step_clock(TimeDelta::minutes(-16));
        who.data(MAKE).await;
        step_clock(TimeDelta::minutes(-5));
        assert_eq!(who.ask(MAKE).await.status, 401, "it is not valid yet");
        step_clock(TimeDelta::minutes(5));
        assert_eq!(count(&app).await, 2);
    }

    async fn socket_of_expired_token_writes_nothing(app: App) {
        let mut socket = Socket::by_bearer(&app, &token()).await;
        socket.ask("1", MAKE).await;
        assert_eq!(socket.said().await["type"], "next");
        step_clock(TimeDelta::minutes(16));
        socket.ask("2", MAKE).await;
        let mut said = Vec::new();
        let code = loop {
            match socket.hear().await {
                Heard::Said(message) => said.push(message["id"].clone()),
                Heard::Closed(code, _) => break code,
                Heard::Gone => panic!("the server closed without a code"),
            }
        };
        assert_eq!(code, 4403);
        assert!(!said.contains(&json!("2")), "{said:?}");
        assert_eq!(count(&app).await, 1);
    }

    async fn socket_gets_no_event_after_its_token_expired(app: App) {
        let mut socket = Socket::by_bearer(&app, &token()).await;
        socket.hear_tasks("1", &app.by_bearer(&token())).await;
        step_clock(TimeDelta::minutes(16));
        let began = Instant::now();
        app.by_bearer(&token()).data(MAKE).await;
        let heard = socket.hear().await;
        assert!(matches!(heard, Heard::Closed(4403, _)), "{heard:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn stream_gets_no_event_after_its_token_expired() {
    let app = App::start(Backend::Sqlite).await;
    let token = token();
    let mut stream = Stream::of(&app.by_bearer(&token), TASKS).await;
    stream.hears_tasks(&app.by_bearer(&self::token())).await;
    step_clock(TimeDelta::minutes(16));
    app.by_bearer(&self::token()).data(MAKE).await;
    loop {
        match stream.comes().await {
            Came::Next(answer) => {
                assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
                break;
            }
            Came::Comment => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stream.comes().await, Came::End, "clients ask again where `complete` is missing");
}

#[tokio::test]
async fn session_is_asked_again_after_a_clock_step() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&["--session-cache-ttl", "5m"]).await;
    let account = server.sign_up("Paused", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    who.data(MAKE).await;
    let before = server.asked(GET_SESSION).await;
    who.data(COUNT).await;
    assert_eq!(server.asked(GET_SESSION).await, before, "it is remembered");
    server.sign_out(&account).await;
    step_clock(TimeDelta::minutes(6));
    assert_eq!(who.ask(MAKE).await.status, 401);
    assert_eq!(server.asked(GET_SESSION).await, before + 1);
}

#[tokio::test]
async fn socket_of_expired_session_closes_with_4403() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&["--session-cache-ttl", "5m"]).await;
    let account = server.sign_up("Expired", json!({})).await;
    let mut socket = Socket::open(&app, &[("cookie", &account.cookie)]).await.unwrap();
    socket.introduce(json!({})).await;
    server.sign_out(&account).await;
    step_clock(TimeDelta::days(400));
    assert_eq!(socket.code().await, 4403);
}
