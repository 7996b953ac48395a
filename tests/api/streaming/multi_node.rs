//! Events across nodes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::graphql_ws::{task, token};
use crate::support::app::App;
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::socket::Socket;
use crate::support::{postgres, redis as redis_server};

/// Two servers on one database, which exchange events through Redis.
async fn two_nodes() -> (App, App) {
    let url = postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url(), "--redis-url", redis_server::url()];
    let node = || async { App::on(&url, tempfile::tempdir().unwrap(), &flags).await };
    (node().await, node().await)
}

#[tokio::test]
async fn redis_delivers_events_across_nodes() {
    let (one, other) = two_nodes().await;
    let mut socket = Socket::by_bearer(&one, &token()).await;
    // Both nodes are subscribed once an event of the other arrives.
    socket.subscribe_to_tasks("1", &other.by_jwt(&alice())).await;
    task(&other.by_jwt(&bob()), "Bob's").await;
    task(&one.by_jwt(&alice()), "Here").await;
    let mine = task(&other.by_jwt(&alice()), "There").await;
    other.by_jwt(&alice()).data(&format!("mutation {{ deleteTask(id: \"{mine}\") }}")).await;
    let mut kinds = Vec::new();
    let mut titles = Vec::new();
    for _ in 0..3 {
        let (kind, title) = socket.next_task_event().await;
        kinds.push(kind);
        titles.push(title);
    }
    kinds.sort();
    assert_eq!(kinds, ["CREATED", "CREATED", "DELETED"], "each is published once: {titles:?}");
    assert!(titles.contains(&json!("Here")), "{titles:?}");
    let forged = |news: Value| json!({"from": "unknown", "news": news}).to_string();
    let bobs = task(&other.by_jwt(&bob()), "Bob's").await;
    let key = URL_SAFE_NO_PAD.decode(bobs).unwrap();
    let key = String::from_utf8(key).unwrap().replace("Task:", "");
    let event = json!({"owner": alice().id(), "change": "updated", "row": {"task": key}});
    publish(&forged(json!({ "event": event }))).await;
    publish("no message").await;
    publish(&forged(json!("gap"))).await;
    assert_eq!(
        socket.next_task_event().await,
        ("UPDATED".to_owned(), Value::Null),
        "bob's row is not visible"
    );
    let missed = socket.next_message().await;
    assert_eq!((&missed["type"], &missed["id"]), (&json!("error"), &json!("1")), "{missed}");
    assert_eq!(missed["payload"][0]["extensions"]["code"], "EVENTS_MISSED");
    socket.subscribe_to_tasks("1", &other.by_jwt(&alice())).await;
}

/// Publishes a message on the nodes' channel.
async fn publish(message: &str) {
    let client = redis::Client::open(redis_server::url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let publish = redis::cmd("PUBLISH").arg("hallpass:events").arg(message).to_owned();
    publish.exec_async(&mut connection).await.unwrap();
}
