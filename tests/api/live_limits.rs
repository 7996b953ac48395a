//! What one caller may have open, and what many listeners of one caller cost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::{App, Backend};
use crate::issuer::Issuer;
use crate::live_events::{TASKS, asked};
use crate::on_both_databases;
use crate::people::{alice, bob};
use crate::socket::{Heard, Socket};

/// How many sockets and streams one caller has at most.
const CONNECTIONS: usize = 64;
/// How many subscriptions one caller has at most.
const SUBSCRIPTIONS: usize = 256;

fn token() -> String {
    Issuer::shared().token(&alice().claims())
}

/// An acknowledged socket of Alice's, else the code with which it closes.
async fn socket(app: &App, token: &str) -> Result<Socket, u16> {
    let mut socket = Socket::open(app, &[]).await.unwrap();
    match socket.introduce(json!({"authorization": format!("Bearer {token}")})).await {
        Heard::Said(_) => Ok(socket),
        Heard::Closed(code, reason) => {
            assert!(reason.contains("too many"), "{reason}");
            Err(code)
        }
        Heard::Gone => panic!("the server closed without a code"),
    }
}

#[tokio::test]
async fn connections_of_a_caller_are_limited() {
    let app = App::start(Backend::Sqlite).await;
    let token = token();
    crate::log::must_not_show(&token);
    let who = app.by_bearer(&token);
    let stream = asked(&who, TASKS, "text/event-stream").await;
    let mut sockets = Vec::new();
    for _ in 1..CONNECTIONS {
        sockets.push(socket(&app, &token).await.unwrap());
    }
    assert_eq!(socket(&app, &token).await.err(), Some(1013));
    let refused = asked(&who, TASKS, "text/event-stream").await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    assert!(socket(&app, &Issuer::shared().token(&bob().claims())).await.is_ok(), "others go on");
    drop((stream, sockets.pop()));
    let began = Instant::now();
    while socket(&app, &token).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "no connection is free again");
    }
}

#[tokio::test]
async fn subscriptions_of_a_caller_are_limited() {
    let app = App::start(Backend::Sqlite).await;
    let token = token();
    let mut sockets = Vec::new();
    for _ in 0..SUBSCRIPTIONS / 32 {
        let mut socket = Socket::by_bearer(&app, &token).await;
        for id in 0..32 {
            socket.ask(&id.to_string(), "subscription { taskEvents { kind } }").await;
        }
        sockets.push(socket);
    }
    for socket in &mut sockets {
        socket.say(&json!({"type": "ping"})).await;
        assert_eq!(socket.said().await, json!({"type": "pong"}), "all of them run");
    }
    let mut more = Socket::by_bearer(&app, &token).await;
    more.ask("more", "subscription { taskEvents { kind } }").await;
    let refused = more.said().await;
    assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("more")), "{refused}");
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    more.ask("query", "{ viewer { id } }").await;
    assert_eq!(more.said().await["type"], "next", "queries go on");
    let stream = asked(&app.by_bearer(&token), TASKS, "text/event-stream").await;
    assert_eq!(stream.status(), 429);
    let stream = asked(&app.by_jwt(&bob()), TASKS, "text/event-stream").await;
    assert_eq!(stream.status(), 200, "others go on");
    sockets[0].say(&json!({"id": "0", "type": "complete"})).await;
    sockets[0].ask("query", "{ __typename }").await;
    assert_eq!(sockets[0].said().await["id"], "query", "the subscription was ended");
    more.ask("free", "subscription { taskEvents { kind } }").await;
    more.say(&json!({"type": "ping"})).await;
    let mut said = more.said().await;
    while said["type"] == "complete" {
        said = more.said().await;
    }
    assert_eq!(said, json!({"type": "pong"}));
}

/// How many subscriptions receive one event.
const LISTENERS: usize = 20;

on_both_databases! {
    async fn row_of_an_event_is_read_once_for_its_owner(app: App) {
        let who = app.by_jwt(&alice());
        let mut sockets = Vec::new();
        for _ in 0..2 {
            let mut socket = Socket::by_bearer(&app, &token()).await;
            for id in 0..LISTENERS / 2 {
                socket.ask(&id.to_string(), "subscription { taskEvents { task { title description tags } } }").await;
            }
            socket.ask("progress", "subscription { progressEvents { percent } }").await;
            socket.say(&json!({"type": "ping"})).await;
            assert_eq!(socket.said().await, json!({"type": "pong"}));
            sockets.push(socket);
        }
        let make = "mutation { createTask(input: {title: \"x\", description: \"d\", tags: [\"a\"]}) { id } }";
        let work = async {
            who.data(make).await;
            for socket in &mut sockets {
                for _ in 0..LISTENERS / 2 {
                    let task = &socket.said().await["payload"]["data"]["taskEvents"]["task"];
                    assert_eq!(*task, json!({"title": "x", "description": "d", "tags": ["a"]}));
                }
            }
        };
        let ((), statements) = app.statements_of(work).await;
        let reads = |table: &str| {
            let rows = format!("SELECT \"{table}\".\"id\"");
            statements.iter().filter(|sql| sql.starts_with(&rows)).count()
        };
        assert_eq!((reads("task"), reads("task_tag")), (1, 1), "{statements:#?}");
    }
}
