//! The times of a credential are compared with the wall clock on each use, regardless of cached verdicts: a
//! paused machine and a stepped clock accept no expired credential.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hallpass_data::{now, step_clock};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::streaming::graphql_sse::{Arrival, Stream, TASKS};
use crate::support::app::{App, Backend};
use crate::support::auth_server::{AuthServer, GET_SESSION};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;
use crate::support::socket::{ReceivedEvent, Socket};

const MAKE: &str = "mutation { createTask(input: {title: \"x\"}) { task { id } } }";
const COUNT: &str = "{ tasks { totalCount } }";

/// A token of Alice, valid for 15 minutes.
fn token() -> String {
    let claims = alice().with("exp", now().timestamp() + 900).with("nbf", now().timestamp());
    let token = Issuer::shared().token(&claims.claims());
    crate::support::secret_log::forbid_in_log(&token);
    token
}

/// The number of Alice's tasks, read with another token.
async fn count(app: &App) -> Value {
    app.by_bearer(&token()).data(COUNT).await["tasks"]["totalCount"].clone()
}

on_both_databases! {
    async fn expired_token_is_rejected_after_clock_step(app: App) {
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
        socket.execute("1", MAKE).await;
        assert_eq!(socket.next_message().await["type"], "next");
        step_clock(TimeDelta::minutes(16));
        socket.execute("2", MAKE).await;
        let mut received_ids = Vec::new();
        let code = loop {
            match socket.recv().await {
                ReceivedEvent::Message(message) => received_ids.push(message["id"].clone()),
                ReceivedEvent::Closed(code, _) => break code,
                ReceivedEvent::Disconnected => panic!("the server closed without a code"),
            }
        };
        assert_eq!(code, 4403);
        assert!(!received_ids.contains(&json!("2")), "{received_ids:?}");
        assert_eq!(count(&app).await, 1);
    }

    async fn socket_gets_no_event_after_its_token_expired(app: App) {
        let mut socket = Socket::by_bearer(&app, &token()).await;
        socket.subscribe_to_tasks("1", &app.by_bearer(&token())).await;
        step_clock(TimeDelta::minutes(16));
        let began = Instant::now();
        app.by_bearer(&token()).data(MAKE).await;
        let received = socket.recv().await;
        assert!(matches!(received, ReceivedEvent::Closed(4403, _)), "{received:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn stream_gets_no_event_after_its_token_expired() {
    let app = App::start(Backend::Sqlite).await;
    let token = token();
    let mut stream = Stream::of(&app.by_bearer(&token), TASKS).await;
    assert!(stream.wait_for_task_events(&app.by_bearer(&self::token())).await);
    step_clock(TimeDelta::minutes(16));
    app.by_bearer(&self::token()).data(MAKE).await;
    loop {
        match stream.next().await {
            Arrival::Next(answer) => {
                assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
                break;
            }
            Arrival::Comment => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stream.next().await, Arrival::End, "clients reconnect without `complete`");
}

#[tokio::test]
async fn session_is_revalidated_after_clock_step() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&["--session-cache-ttl", "5m"]).await;
    let account = server.sign_up("Paused", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    who.data(MAKE).await;
    let before = server.request_count(GET_SESSION).await;
    who.data(COUNT).await;
    assert_eq!(server.request_count(GET_SESSION).await, before, "it is cached");
    server.sign_out(&account).await;
    step_clock(TimeDelta::minutes(6));
    assert_eq!(who.ask(MAKE).await.status, 401);
    assert_eq!(server.request_count(GET_SESSION).await, before + 1);
}

#[tokio::test]
async fn socket_of_expired_session_closes_with_4403() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&["--session-cache-ttl", "5m"]).await;
    let account = server.sign_up("Expired", json!({})).await;
    let mut socket = Socket::open(&app, &[("cookie", &account.cookie)]).await.unwrap();
    socket.connection_init(json!({})).await;
    server.sign_out(&account).await;
    step_clock(TimeDelta::days(400));
    assert_eq!(socket.close_code().await, 4403);
}
