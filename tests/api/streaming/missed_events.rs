//! A subscriber that reconnects receives the events that it missed, or is asked to read again.

use serde_json::{Value, json};

use super::graphql_ws::token;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};
use crate::support::socket::Socket;

async fn create(who: &Client<'_>, title: &str) {
    let document = "mutation($t: String!) { createTask(input: {title: $t}) { task { id } } }";
    who.data_with(document, json!({ "t": title })).await;
}

/// The next event of a subscription.
async fn next(socket: &mut Socket) -> Value {
    socket.next_message().await["payload"]["data"]["taskEvents"].clone()
}

fn subscription(since: &Value) -> String {
    let since = if since.is_null() { String::new() } else { format!("(since: {since})") };
    format!("subscription {{ taskEvents{since} {{ kind sequence taskId task {{ title }} }} }}")
}

#[tokio::test]
async fn missed_task_events_are_sent_again() {
    let app = App::start(Backend::Sqlite).await;
    let (who, token) = (app.by_jwt(&alice()), token());
    let mut first = Socket::by_bearer(&app, &token).await;
    first.execute("1", &subscription(&json!(""))).await;
    let resync = next(&mut first).await;
    assert_eq!((&resync["kind"], &resync["taskId"]), (&json!("RESYNC"), &Value::Null));
    drop(first);
    create(&app.by_jwt(&bob()), "bob's").await;
    create(&who, "missed").await;
    let mut again = Socket::by_bearer(&app, &token).await;
    again.execute("1", &subscription(&resync["sequence"])).await;
    let missed = next(&mut again).await;
    assert_eq!((&missed["kind"], &missed["task"]["title"]), (&json!("CREATED"), &json!("missed")));
    create(&who, "live").await;
    assert_eq!(next(&mut again).await["task"]["title"], "live");
    let mut unknown = Socket::by_bearer(&app, &token).await;
    unknown.execute("1", &subscription(&json!("0000000000000001-1"))).await;
    assert_eq!(next(&mut unknown).await["kind"], "RESYNC", "the sequence of another node");
}
