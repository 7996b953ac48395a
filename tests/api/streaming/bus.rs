//! The message bus of nodes, over Redis and over PostgreSQL: messages, gaps, and recovery after outages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join;
use futures_util::stream::{BoxStream, StreamExt as _};
use hallpass::cluster::bus::{Bus, Delivery, EVENTS, REVOCATIONS};
use hallpass::cluster::event_bridge::EventBridge;
use hallpass::cluster::postgres_notify::PostgresNotify;
use hallpass::cluster::redis_pubsub::RedisPubSub;
use hallpass::events::{Change, EventKind, Events};
use hallpass_data::{Database, Options};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cli::commands::Process;
use crate::http::observability::{metric, wait_for_metric};
use crate::streaming::graphql_sse::{Arrival, Stream, TASKS};
use crate::support::app::{App, Backend, Client};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;
use crate::support::redis::RedisServer;
use crate::support::{postgres, secret_log};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A bus of the server, with `credentials` in its URL.
fn redis_bus(server: &RedisServer, credentials: &str) -> RedisPubSub {
    let url = server.url().replace("redis://", &format!("redis://{credentials}"));
    RedisPubSub::connect_lazily(&url.into()).unwrap()
}

/// A bus of the database at `url`, as a node with this name.
async fn postgres_bus(name: &str, url: &str) -> PostgresNotify {
    let options = Options::at(postgres::as_application(name, url));
    let database = Database::connect(options).await.unwrap();
    PostgresNotify::connect_lazily(database.notifications(None).unwrap().unwrap())
}

async fn next(deliveries: &mut BoxStream<'static, Delivery>) -> Delivery {
    let next = tokio::time::timeout(TIMEOUT, deliveries.next()).await;
    next.expect("nothing is delivered").expect("a subscription never ends")
}

async fn text(deliveries: &mut BoxStream<'static, Delivery>) -> String {
    match next(deliveries).await {
        Delivery::Message(text) => text,
        Delivery::Gap => panic!("a message is missed"),
    }
}

/// Messages of any size reach both nodes, in the order of each publisher.
async fn check_messages(one: &dyn Bus, other: &dyn Bus) {
    let (mut here, mut there) = (one.subscribe(EVENTS), other.subscribe(EVENTS));
    assert_eq!(next(&mut here).await, Delivery::Gap, "at the start");
    assert_eq!(next(&mut there).await, Delivery::Gap);
    assert!(one.publish(REVOCATIONS, &["another topic".to_owned()]).await);
    for message in ["", "same", "same", "a\nline", &"é🎫".repeat(40_000)] {
        assert!(one.publish(EVENTS, &[message.to_owned()]).await);
        assert_eq!(text(&mut here).await, message, "its own message");
        assert_eq!(text(&mut there).await, message);
    }
    let batch = ["same", "", "same", &"🎫".repeat(5_000), "last"].map(str::to_owned);
    assert!(one.publish(EVENTS, &batch).await);
    for message in batch {
        assert_eq!(text(&mut there).await, message, "of a batch");
        assert_eq!(text(&mut here).await, message);
    }
    let publish = async |bus: &dyn Bus, letter: &str| {
        for number in 0..20 {
            assert!(
                bus.publish(EVENTS, &[format!("{letter}{number} {}", letter.repeat(20_000))]).await
            );
        }
    };
    join(publish(one, "a"), publish(other, "b")).await;
    let mut expected = [("a", 0), ("b", 0)];
    for _ in 0..40 {
        let message = text(&mut there).await;
        let (letter, number) =
            expected.iter_mut().find(|(letter, _)| message.starts_with(letter)).unwrap();
        assert_eq!(message, format!("{letter}{number} {}", letter.repeat(20_000)));
        *number += 1;
    }
}

/// During an outage no message is published; after it, subscribers get one gap.
async fn check_outage<T>(bus: &dyn Bus, stop: impl FnOnce() -> T, start: impl FnOnce(T) -> T) {
    let mut events = bus.subscribe(EVENTS);
    assert_eq!(next(&mut events).await, Delivery::Gap);
    assert!(bus.ping().await.is_ok());
    assert!(bus.publish(EVENTS, &["before".to_owned()]).await);
    assert_eq!(text(&mut events).await, "before");
    let stopped = stop();
    assert!(!bus.publish(EVENTS, &["lost".to_owned()]).await);
    assert!(bus.ping().await.is_err());
    let _running = start(stopped);
    assert_eq!(next(&mut events).await, Delivery::Gap);
    assert!(bus.publish(EVENTS, &["after".to_owned()]).await);
    assert_eq!(text(&mut events).await, "after");
}

#[tokio::test]
async fn events_before_a_stop_are_published() {
    const EVENTS_AT_ONCE: usize = 200;
    let server = RedisServer::start();
    let (events, stop) = (Events::default(), CancellationToken::new());
    let bridge = EventBridge::new(events.clone(), Arc::new(redis_bus(&server, "")));
    let mut received = redis_bus(&server, "").subscribe(EVENTS);
    assert_eq!(next(&mut received).await, Delivery::Gap);
    let event = EventKind::new("task").event(Change::Created, Uuid::now_v7());
    let publish = || events.publish_to_all(event.clone());
    let stopped = async {
        publish();
        text(&mut received).await;
        (0..EVENTS_AT_ONCE).for_each(|_| publish());
        stop.cancel();
    };
    join(bridge.run_until(&stop), stopped).await;
    for _ in 0..EVENTS_AT_ONCE {
        text(&mut received).await;
    }
}

#[tokio::test]
async fn redis_passes_messages_of_any_size() {
    let server = RedisServer::start();
    check_messages(&redis_bus(&server, ""), &redis_bus(&server, "")).await;
}

#[tokio::test]
async fn postgres_passes_messages_of_any_size() {
    let url = postgres::database();
    check_messages(&postgres_bus("one", &url).await, &postgres_bus("other", &url).await).await;
}

#[tokio::test]
async fn subscriber_gets_a_gap_after_redis_restarts() {
    let server = RedisServer::start();
    let bus = redis_bus(&server, "");
    let stop = || (server.stop(), None);
    check_outage(&bus, stop, |(port, _)| (port, Some(RedisServer::at(port)))).await;
}

#[tokio::test]
async fn subscriber_gets_a_gap_after_a_lost_listener() {
    const PASSWORD: &str = "a-password-that-no-line-of-the-log-contains";
    secret_log::watch();
    secret_log::forbid_in_log(PASSWORD);
    let url = postgres::database();
    let with_password = url.replacen("@localhost", &format!(":{PASSWORD}@localhost"), 1);
    let bus = postgres_bus("node", &with_password).await;
    let stop = || {
        postgres::set_connectable(&url, false);
        postgres::cut_listener("node", &url);
    };
    check_outage(&bus, stop, |()| postgres::set_connectable(&url, true)).await;
}

#[tokio::test]
async fn message_waits_for_a_new_listener() {
    let url = postgres::database();
    let bus = postgres_bus("node", &url).await;
    let mut events = bus.subscribe(EVENTS);
    assert_eq!(next(&mut events).await, Delivery::Gap);
    for message in ["first", "second"] {
        postgres::cut_listener("node", &url);
        assert!(bus.publish(EVENTS, &[message.to_owned()]).await);
        assert_eq!(next(&mut events).await, Delivery::Gap);
        assert_eq!(text(&mut events).await, message);
    }
}

#[tokio::test]
async fn slow_subscriber_gets_a_gap() {
    let bus = Arc::new(postgres_bus("node", &postgres::database()).await);
    let (mut slow, mut other) = (bus.subscribe(EVENTS), bus.subscribe(EVENTS));
    assert_eq!(next(&mut other).await, Delivery::Gap);
    let publish = async {
        for number in 0..5000 {
            assert!(bus.publish(EVENTS, &[number.to_string()]).await);
        }
    };
    let receive = async {
        for number in 0..5000 {
            assert_eq!(text(&mut other).await, number.to_string());
        }
    };
    join(publish, receive).await;
    assert_eq!(next(&mut slow).await, Delivery::Gap);
    assert_ne!(text(&mut slow).await, "0", "the oldest were dropped");
}

#[tokio::test]
async fn oversized_message_is_not_published() {
    let bus = postgres_bus("node", &postgres::database()).await;
    assert!(!bus.publish(EVENTS, &["a".repeat(2_000_000)]).await);
    assert!(!bus.publish(EVENTS, &["no text of PostgreSQL: \0".to_owned()]).await);
    assert!(bus.publish(EVENTS, &["after".to_owned()]).await);
}

#[tokio::test]
async fn publisher_reconnects_after_a_restart() {
    let server = RedisServer::start();
    let bus = redis_bus(&server, "");
    assert!(bus.publish(EVENTS, &["before".to_owned()]).await);
    let _server = RedisServer::at(server.stop());
    assert!(bus.publish(EVENTS, &["after".to_owned()]).await);
}

#[tokio::test]
async fn publisher_recovers_after_a_rejected_password() {
    let server = RedisServer::start();
    let bus = redis_bus(&server, ":secret@");
    assert!(!bus.publish(EVENTS, &["rejected".to_owned()]).await);
    let admin = redis::Client::open(server.url()).unwrap();
    let mut admin = admin.get_multiplexed_async_connection().await.unwrap();
    let set = redis::cmd("CONFIG").arg(&["SET", "requirepass", "secret"]).to_owned();
    set.exec_async(&mut admin).await.unwrap();
    assert!(bus.publish(EVENTS, &["accepted".to_owned()]).await);
}

/// Receives until the stream reports missed events.
async fn until_missed(stream: &mut Stream) {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < TIMEOUT, "no event is missed");
        match stream.next().await {
            Arrival::Next(answer) if answer["errors"].is_null() => {}
            Arrival::Next(answer) => {
                assert_eq!(answer["errors"][0]["extensions"]["code"], "EVENTS_MISSED");
                return;
            }
            Arrival::Comment => {}
            end => panic!("{end:?}"),
        }
    }
}

/// A stream of `reader` to which the events of `writer`, of the same user, arrive.
async fn subscribed(reader: &Client<'_>, writer: &Client<'_>) -> Stream {
    loop {
        let mut stream = Stream::of(reader, TASKS).await;
        if stream.wait_for_task_events(writer).await {
            return stream;
        }
    }
}

const CREATE: &str = "mutation { createTask(input: {title: \"x\"}) { task { id } } }";

#[tokio::test]
async fn outage_of_redis_is_a_metric() {
    let redis = RedisServer::start();
    let mut server = Process::start(&[("REDIS_URL", &redis.url())]);
    let url = server.url.clone();
    for name in ["hallpass_redis_up", "hallpass_bus_connected"] {
        wait_for_metric(&url, name, "1").await;
    }
    let port = redis.stop();
    for name in ["hallpass_redis_up", "hallpass_bus_connected"] {
        wait_for_metric(&url, name, "0").await;
    }
    let _redis = RedisServer::at(port);
    for name in ["hallpass_redis_up", "hallpass_bus_connected"] {
        wait_for_metric(&url, name, "1").await;
    }
    let line = server.wait_for_log("REDIS_URL is available again");
    assert!(line.contains(" INFO "), "{line}");
}

#[tokio::test]
async fn lost_listener_is_a_metric() {
    let url = postgres::database();
    let node = postgres::as_application("node", &url);
    let mut server = Process::start(&[("DATABASE_URL", &node)]);
    wait_for_metric(&server.url, "hallpass_bus_connected", "1").await;
    postgres::cut_listener("node", &url);
    let line = server.wait_for_log("the connection for LISTEN is available again");
    assert!(line.contains(" INFO "), "{line}");
    assert_eq!(metric(&server.url, "hallpass_bus_connected").await, "1");
}

#[tokio::test]
async fn events_are_missed_after_redis_restarts() {
    let server = RedisServer::start();
    let url = server.url();
    let app = App::with(Backend::Sqlite, &["--redis-url", &url]).await;
    let who = app.by_jwt(&alice());
    let mut stream = subscribed(&who, &who).await;
    let port = server.stop();
    who.data(CREATE).await;
    let _server = RedisServer::at(port);
    until_missed(&mut stream).await;
}

#[tokio::test]
async fn events_are_missed_after_a_lost_listener() {
    let url = postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url()];
    let node = async |name| {
        let url = postgres::as_application(name, &url);
        App::on(&url, tempfile::tempdir().unwrap(), &flags).await
    };
    let (one, other) = (node("one").await, node("other").await);
    let (reader, writer) = (one.by_jwt(&alice()), other.by_jwt(&alice()));
    // The start of a node makes no subscriber read again.
    let mut stream = Stream::of(&reader, TASKS).await;
    assert!(stream.wait_for_task_events(&writer).await);
    postgres::cut_listener("one", &url);
    until_missed(&mut stream).await;
    subscribed(&reader, &writer).await;
    postgres::cut_listener("other", &url);
    subscribed(&reader, &writer).await;
}
