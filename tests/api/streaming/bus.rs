//! The message bus of nodes over Redis: gaps, and recovery after outages.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::stream::{BoxStream, StreamExt as _};
use hallpass::cluster::bus::{Bus as _, Delivery, EVENTS, REVOCATIONS};
use hallpass::cluster::redis_pubsub::RedisPubSub;

use crate::streaming::graphql_sse::{Arrival, Stream, TASKS};
use crate::support::app::{App, Backend};
use crate::support::callers::alice;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A Redis server that a test can stop.
struct Server {
    port: u16,
    child: Child,
}

impl Server {
    fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self::at(free.port())
    }

    fn at(port: u16) -> Self {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("the tests need redis-server: install it, or run tests/run");
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < TIMEOUT, "redis-server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { port, child }
    }

    fn stop(self) -> u16 {
        self.port
    }

    fn bus(&self, credentials: &str) -> RedisPubSub {
        let url = format!("redis://{credentials}127.0.0.1:{}", self.port);
        RedisPubSub::connect_lazily(&url.into()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn next(deliveries: &mut BoxStream<'static, Delivery>) -> Delivery {
    let next = tokio::time::timeout(TIMEOUT, deliveries.next()).await;
    next.expect("nothing is delivered").expect("a subscription never ends")
}

#[tokio::test]
async fn subscriber_gets_a_gap_after_an_outage() {
    let server = Server::start();
    let bus = server.bus("");
    let mut events = bus.subscribe(EVENTS);
    assert_eq!(next(&mut events).await, Delivery::Gap);
    assert!(bus.publish(REVOCATIONS, "another topic").await);
    assert!(bus.publish(EVENTS, "before").await);
    assert_eq!(next(&mut events).await, Delivery::Message("before".to_owned()));
    let port = server.stop();
    assert!(!bus.publish(EVENTS, "lost").await);
    let _server = Server::at(port);
    assert_eq!(next(&mut events).await, Delivery::Gap);
    assert!(bus.publish(EVENTS, "after").await);
    assert_eq!(next(&mut events).await, Delivery::Message("after".to_owned()));
}

#[tokio::test]
async fn publisher_reconnects_after_a_restart() {
    let server = Server::start();
    let bus = server.bus("");
    assert!(bus.publish(EVENTS, "before").await);
    let _server = Server::at(server.stop());
    assert!(bus.publish(EVENTS, "after").await);
}

#[tokio::test]
async fn publisher_recovers_after_a_rejected_password() {
    let server = Server::start();
    let bus = server.bus(":secret@");
    assert!(!bus.publish(EVENTS, "rejected").await);
    let admin = redis::Client::open(format!("redis://127.0.0.1:{}", server.port)).unwrap();
    let mut admin = admin.get_multiplexed_async_connection().await.unwrap();
    let set = redis::cmd("CONFIG").arg(&["SET", "requirepass", "secret"]).to_owned();
    set.exec_async(&mut admin).await.unwrap();
    assert!(bus.publish(EVENTS, "accepted").await);
}

#[tokio::test]
async fn events_are_missed_after_redis_restarts() {
    let server = Server::start();
    let url = format!("redis://127.0.0.1:{}", server.port);
    let app = App::with(Backend::Sqlite, &["--redis-url", &url]).await;
    let who = app.by_jwt(&alice());
    let mut stream = Stream::of(&who, TASKS).await;
    while !stream.wait_for_task_events(&who).await {
        stream = Stream::of(&who, TASKS).await;
    }
    let port = server.stop();
    who.data("mutation { createTask(input: {title: \"x\"}) { id } }").await;
    let _server = Server::at(port);
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
