//! The message bus of nodes over Redis: gaps, and recovery after outages.

use std::time::{Duration, Instant};

use futures_util::stream::{BoxStream, StreamExt as _};
use hallpass::cluster::bus::{Bus as _, Delivery, EVENTS, REVOCATIONS};
use hallpass::cluster::redis_pubsub::RedisPubSub;

use crate::streaming::graphql_sse::{Arrival, Stream, TASKS};
use crate::support::app::{App, Backend};
use crate::support::callers::alice;
use crate::support::redis::RedisServer;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A bus of the server, with `credentials` in its URL.
fn bus(server: &RedisServer, credentials: &str) -> RedisPubSub {
    let url = server.url().replace("redis://", &format!("redis://{credentials}"));
    RedisPubSub::connect_lazily(&url.into()).unwrap()
}

async fn next(deliveries: &mut BoxStream<'static, Delivery>) -> Delivery {
    let next = tokio::time::timeout(TIMEOUT, deliveries.next()).await;
    next.expect("nothing is delivered").expect("a subscription never ends")
}

#[tokio::test]
async fn subscriber_gets_a_gap_after_an_outage() {
    let server = RedisServer::start();
    let bus = bus(&server, "");
    let mut events = bus.subscribe(EVENTS);
    assert_eq!(next(&mut events).await, Delivery::Gap);
    assert!(bus.publish(REVOCATIONS, "another topic").await);
    assert!(bus.publish(EVENTS, "before").await);
    assert_eq!(next(&mut events).await, Delivery::Message("before".to_owned()));
    let port = server.stop();
    assert!(!bus.publish(EVENTS, "lost").await);
    let _server = RedisServer::at(port);
    assert_eq!(next(&mut events).await, Delivery::Gap);
    assert!(bus.publish(EVENTS, "after").await);
    assert_eq!(next(&mut events).await, Delivery::Message("after".to_owned()));
}

#[tokio::test]
async fn publisher_reconnects_after_a_restart() {
    let server = RedisServer::start();
    let bus = bus(&server, "");
    assert!(bus.publish(EVENTS, "before").await);
    let _server = RedisServer::at(server.stop());
    assert!(bus.publish(EVENTS, "after").await);
}

#[tokio::test]
async fn publisher_recovers_after_a_rejected_password() {
    let server = RedisServer::start();
    let bus = bus(&server, ":secret@");
    assert!(!bus.publish(EVENTS, "rejected").await);
    let admin = redis::Client::open(server.url()).unwrap();
    let mut admin = admin.get_multiplexed_async_connection().await.unwrap();
    let set = redis::cmd("CONFIG").arg(&["SET", "requirepass", "secret"]).to_owned();
    set.exec_async(&mut admin).await.unwrap();
    assert!(bus.publish(EVENTS, "accepted").await);
}

#[tokio::test]
async fn events_are_missed_after_redis_restarts() {
    let server = RedisServer::start();
    let url = server.url();
    let app = App::with(Backend::Sqlite, &["--redis-url", &url]).await;
    let who = app.by_jwt(&alice());
    let mut stream = Stream::of(&who, TASKS).await;
    while !stream.wait_for_task_events(&who).await {
        stream = Stream::of(&who, TASKS).await;
    }
    let port = server.stop();
    who.data("mutation { createTask(input: {title: \"x\"}) { id } }").await;
    let _server = RedisServer::at(port);
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
