//! Limits of one caller's connections and subscriptions, and the cost of many subscriptions.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::overdue_events::reads_due_times;
use crate::on_both_databases;
use crate::streaming::graphql_sse::{TASKS, post_query};
use crate::support::app::{App, Backend};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::socket::{ReceivedEvent, Socket};

/// Maximum number of sockets and streams of one caller.
const MAX_CONNECTIONS: usize = 64;
/// Maximum number of subscriptions of one caller.
const MAX_SUBSCRIPTIONS: usize = 256;

fn token() -> String {
    Issuer::shared().token(&alice().claims())
}

/// An acknowledged socket of Alice, else its close code.
async fn socket(app: &App, token: &str) -> Result<Socket, u16> {
    let mut socket = Socket::open(app, &[]).await.unwrap();
    match socket.connection_init(json!({"authorization": format!("Bearer {token}")})).await {
        ReceivedEvent::Message(_) => Ok(socket),
        ReceivedEvent::Closed(code, reason) => {
            assert!(reason.contains("Too many"), "{reason}");
            Err(code)
        }
        ReceivedEvent::Disconnected => panic!("the server closed without a code"),
    }
}

#[tokio::test]
async fn connections_per_caller_are_limited() {
    let app = App::start(Backend::Sqlite).await;
    let token = token();
    crate::support::secret_log::forbid_in_log(&token);
    let who = app.by_bearer(&token);
    let stream = post_query(&who, TASKS, "text/event-stream").await;
    let mut sockets = Vec::new();
    for _ in 1..MAX_CONNECTIONS {
        sockets.push(socket(&app, &token).await.unwrap());
    }
    assert_eq!(socket(&app, &token).await.err(), Some(1013));
    let rejected = post_query(&who, TASKS, "text/event-stream").await;
    assert_eq!(rejected.status(), 429);
    assert!(rejected.headers().contains_key("retry-after"));
    let rejected: Value = rejected.json().await.unwrap();
    assert_eq!(rejected["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    assert!(
        socket(&app, &Issuer::shared().token(&bob().claims())).await.is_ok(),
        "others continue"
    );
    drop((stream, sockets.pop()));
    let began = Instant::now();
    while socket(&app, &token).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "no connection is free again");
    }
}

#[tokio::test]
async fn subscriptions_per_caller_are_limited() {
    let app = App::start(Backend::Sqlite).await;
    let token = token();
    let mut sockets = Vec::new();
    for _ in 0..MAX_SUBSCRIPTIONS / 32 {
        let mut socket = Socket::by_bearer(&app, &token).await;
        for id in 0..32 {
            socket.execute(&id.to_string(), "subscription { taskEvents { kind } }").await;
        }
        sockets.push(socket);
    }
    for socket in &mut sockets {
        socket.send_json(&json!({"type": "ping"})).await;
        assert_eq!(socket.next_message().await, json!({"type": "pong"}), "all of them run");
    }
    let mut more = Socket::by_bearer(&app, &token).await;
    more.execute("more", "subscription { taskEvents { kind } }").await;
    let rejected = more.next_message().await;
    assert_eq!(
        (&rejected["type"], &rejected["id"]),
        (&json!("error"), &json!("more")),
        "{rejected}"
    );
    assert_eq!(rejected["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    more.execute("query", "{ viewer { id } }").await;
    assert_eq!(more.next_message().await["type"], "next", "queries continue");
    let stream = post_query(&app.by_bearer(&token), TASKS, "text/event-stream").await;
    assert_eq!(stream.status(), 429);
    let stream = post_query(&app.by_jwt(&bob()), TASKS, "text/event-stream").await;
    assert_eq!(stream.status(), 200, "others continue");
    sockets[0].send_json(&json!({"id": "0", "type": "complete"})).await;
    sockets[0].execute("query", "{ __typename }").await;
    assert_eq!(sockets[0].next_message().await["id"], "query", "the subscription was ended");
    more.execute("free", "subscription { taskEvents { kind } }").await;
    more.send_json(&json!({"type": "ping"})).await;
    let mut message = more.next_message().await;
    while message["type"] == "complete" {
        message = more.next_message().await;
    }
    assert_eq!(message, json!({"type": "pong"}));
}

#[tokio::test]
async fn anonymous_subscriptions_are_limited() {
    let app = App::start(Backend::Sqlite).await;
    let subscribe = "subscription { chapterPublished { slug } }";
    let mut sockets = Vec::new();
    for _ in 0..MAX_SUBSCRIPTIONS / 32 {
        let mut socket = Socket::anonymous(&app).await;
        for id in 0..32 {
            socket.execute(&id.to_string(), subscribe).await;
        }
        socket.send_json(&json!({"type": "ping"})).await;
        assert_eq!(socket.next_message().await, json!({"type": "pong"}), "all of them run");
        sockets.push(socket);
    }
    let mut more = Socket::anonymous(&app).await;
    more.execute("more", subscribe).await;
    let rejected = more.next_message().await;
    assert_eq!(rejected["payload"][0]["extensions"]["code"], "RATE_LIMITED", "{rejected}");
    let signed_in = post_query(&app.by_jwt(&bob()), TASKS, "text/event-stream").await;
    assert_eq!(signed_in.status(), 200, "others of the address continue");
}

/// The number of subscriptions that receive one event.
const SUBSCRIBERS: usize = 20;

on_both_databases! {
    async fn event_row_is_read_once_per_owner(app: App) {
        let who = app.by_jwt(&alice());
        let mut sockets = Vec::new();
        for _ in 0..2 {
            let mut socket = Socket::by_bearer(&app, &token()).await;
            for id in 0..SUBSCRIBERS / 2 {
                socket.execute(&id.to_string(), "subscription { taskEvents { task { title description tags } } }").await;
            }
            socket.execute("progress", "subscription { progressEvents { percent } }").await;
            socket.send_json(&json!({"type": "ping"})).await;
            assert_eq!(socket.next_message().await, json!({"type": "pong"}));
            sockets.push(socket);
        }
        let make = "mutation { createTask(input: {title: \"x\", description: \"d\", tags: [\"a\"]}) { task { id } } }";
        let work = async {
            who.data(make).await;
            for socket in &mut sockets {
                for _ in 0..SUBSCRIBERS / 2 {
                    let task = &socket.next_message().await["payload"]["data"]["taskEvents"]["task"];
                    assert_eq!(*task, json!({"title": "x", "description": "d", "tags": ["a"]}));
                }
            }
        };
        let ((), statements) = app.statements_of(work).await;
        let reads = |table: &str| {
            let rows = format!("SELECT \"{table}\".\"id\"");
            let of_table = statements.iter().filter(|sql| sql.starts_with(&rows));
            of_table.filter(|sql| !reads_due_times(sql)).count()
        };
        assert_eq!((reads("task"), reads("task_tag")), (1, 1), "{statements:#?}");
        // At the beginning of the first subscription, and after the event.
        let due_times = statements.iter().filter(|sql| reads_due_times(sql)).count();
        assert!(due_times <= 2, "{statements:#?}");
    }
}
