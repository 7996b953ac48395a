//! Events across nodes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::graphql_ws::{task, token};
use crate::support::app::App;
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::socket::Socket;
use crate::support::{pgbouncer, postgres, redis as redis_server};

/// Two servers on the database at `url`.
async fn two_nodes(url: &str, more: &[&str]) -> (App, App) {
    let flags = [&["--better-auth-url", Issuer::shared().url()], more].concat();
    let node = || async { App::on(url, tempfile::tempdir().unwrap(), &flags).await };
    (node().await, node().await)
}

#[tokio::test]
async fn redis_delivers_events_across_nodes() {
    let nodes = two_nodes(&postgres::database(), &["--redis-url", redis_server::url()]).await;
    check_events(nodes, publish_in_redis).await;
}

#[tokio::test]
async fn postgres_delivers_events_across_nodes() {
    let url = postgres::database();
    let nodes = two_nodes(&url, &[]).await;
    let publish = async |message: &str| {
        // Not in the form that nodes send.
        notify(&url, message);
        notify(&url, &format!("unknown 0 1\n{message}"));
    };
    check_events(nodes, publish).await;
}

#[tokio::test]
async fn direct_url_delivers_events_behind_a_pooler() {
    let direct = postgres::database();
    let pooled = pgbouncer::shared().address(&direct);
    let flags = ["--database-pooler", "transaction", "--database-direct-url", &direct];
    let nodes = two_nodes(&pooled, &flags).await;
    let publish = async |message: &str| notify(&direct, &format!("unknown 0 1\n{message}"));
    check_events(nodes, publish).await;
}

/// Events of one node reach the subscribers of the other; `publish` sends messages that no node sent.
async fn check_events((one, other): (App, App), publish: impl AsyncFn(&str)) {
    let mut socket = Socket::by_bearer(&one, &token()).await;
    // Both nodes are subscribed once an event of the other arrives.
    socket.subscribe_to_tasks("1", &other.by_jwt(&alice())).await;
    task(&other.by_jwt(&bob()), "Bob's").await;
    task(&one.by_jwt(&alice()), "Here").await;
    let mine = task(&other.by_jwt(&alice()), "There").await;
    other
        .by_jwt(&alice())
        .data(&format!("mutation {{ deleteTask(id: \"{mine}\") {{ deletedTaskId }} }}"))
        .await;
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

/// Publishes a message on the nodes' channel of Redis.
async fn publish_in_redis(message: &str) {
    let client = redis::Client::open(redis_server::url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let publish = redis::cmd("PUBLISH").arg("hallpass:events").arg(message).to_owned();
    publish.exec_async(&mut connection).await.unwrap();
}

/// Publishes a payload on the nodes' channel of PostgreSQL.
fn notify(url: &str, payload: &str) {
    postgres::query(url, &format!("SELECT pg_notify('hallpass:events', '{payload}')"));
}
