//! A subscriber that reconnects receives the events that it missed, or is asked to read again.

use hallpass::events::{Change, EventKind, Events, Listener};
use hallpass_data::UserId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::events::owner;
use super::graphql_ws::token;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};
use crate::support::socket::Socket;

async fn create(who: &Client<'_>, title: &str) {
    let document = "mutation($t: String!) { createTask(input: {title: $t}) { task { id } } }";
    who.data_with(document, json!({ "t": title })).await;
}

/// The next event of a subscription.
async fn next_event(socket: &mut Socket) -> Value {
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
    let resync = next_event(&mut first).await;
    assert_eq!((&resync["kind"], &resync["taskId"]), (&json!("RESYNC"), &Value::Null));
    drop(first);
    create(&app.by_jwt(&bob()), "bob's").await;
    create(&who, "missed").await;
    let mut again = Socket::by_bearer(&app, &token).await;
    again.execute("1", &subscription(&resync["sequence"])).await;
    let missed = next_event(&mut again).await;
    assert_eq!((&missed["kind"], &missed["task"]["title"]), (&json!("CREATED"), &json!("missed")));
    create(&who, "live").await;
    assert_eq!(next_event(&mut again).await["task"]["title"], "live");
    let mut unknown = Socket::by_bearer(&app, &token).await;
    unknown.execute("1", &subscription(&json!("0000000000000001-1"))).await;
    assert_eq!(next_event(&mut unknown).await["kind"], "RESYNC", "the sequence of another node");
}

const NOTES: EventKind = EventKind::new("note");

fn publish_all(events: &Events, owner: &UserId, numbers: impl IntoIterator<Item = u128>) {
    for number in numbers {
        events.publish(owner, NOTES.event(Change::Updated, Uuid::from_u128(number)));
    }
}

/// The number of the next event, and its sequence. No number for a resync.
async fn next(listener: &mut Listener) -> (Option<u128>, String) {
    let delivered = listener.next().await.unwrap();
    let id = NOTES.id_of::<Uuid>(&delivered.event).map(|id| id.as_u128());
    (id, delivered.sequence.to_string())
}

#[tokio::test]
async fn reconnected_listener_receives_missed_events() {
    let (events, alice) = (Events::default(), owner("alice"));
    let mut first = events.listen(&alice);
    publish_all(&events, &alice, [1]);
    let (_, since) = next(&mut first).await;
    drop(first);
    publish_all(&events, &alice, [2, 3]);
    publish_all(&events, &owner("bob"), [9]);
    let mut again = events.listen_since(&alice, Some(&since));
    publish_all(&events, &alice, [4]);
    for expected in [2, 3, 4] {
        assert_eq!(next(&mut again).await.0, Some(expected));
    }
    let mut fresh = events.listen(&alice);
    publish_all(&events, &alice, [5]);
    assert_eq!(next(&mut fresh).await.0, Some(5), "without `since`, only later ones");
}

#[tokio::test]
async fn unknown_sequence_asks_to_resync() {
    let (events, alice) = (Events::default(), owner("alice"));
    let mut first = events.listen(&alice);
    publish_all(&events, &alice, [1]);
    let (_, since) = next(&mut first).await;
    publish_all(&events, &alice, 2..100);
    let other_run = "0000000000000001-1".to_owned();
    let (run, _) = since.split_once('-').unwrap();
    let future = format!("{run}-ffff");
    for since in [since.as_str(), &other_run, &future, "", "-", "x-1", "1"] {
        let mut again = events.listen_since(&alice, Some(since));
        let (id, now) = next(&mut again).await;
        assert_eq!(id, None, "{since}");
        let mut later = events.listen_since(&alice, Some(&now));
        publish_all(&events, &alice, [7]);
        assert_eq!(next(&mut later).await.0, Some(7), "the sequence of a resync is valid");
    }
}
