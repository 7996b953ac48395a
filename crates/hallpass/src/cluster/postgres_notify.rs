//! Message bus over PostgreSQL: `LISTEN` and `NOTIFY`, on one connection of each node.
//!
//! Any role that may connect to the database can listen and notify: PostgreSQL has no privileges for channels. Messages
//! hold ids, which their receivers read under the scopes of their subscribers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use hallpass_data::{Error, Notification, NotificationConnection, Notifications};
use prometheus_client::registry::Registry;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, interval_at};
use uuid::Uuid;

use super::bus::{Bus, Delivery, TOPICS};
use super::bus_status::BusStatus;
use super::frames::{self, Joiner};

/// How long a message waits to be published, while the connection is opened again.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a check of the connection may take.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Delays before the connection is opened again: they double from the first to the last.
const RECONNECT_DELAYS: (Duration, Duration) =
    (Duration::from_millis(100), Duration::from_secs(10));
/// How often the connection is checked: one that is lost without a notice receives nothing.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Messages that wait to be published.
const MAX_REQUESTS: usize = 64;
/// Buffered messages of one subscriber. One that falls further behind gets a gap.
const QUEUE_CAPACITY: usize = 4096;

/// The subscription to all topics.
const CONNECTION: &str = "LISTEN";

/// A bus of the PostgreSQL server of DATABASE_URL.
pub struct PostgresNotify {
    notifications: Notifications,
    node_id: String,
    published: AtomicU64,
    link: Arc<Link>,
    /// The task that owns the connection, until it is started.
    task: Mutex<Option<ConnectionTask>>,
}

/// What publishers and subscribers share with the task of the connection, which ends when they are gone.
struct Link {
    requests: mpsc::Sender<Request>,
    feeds: Arc<Feeds>,
}

/// Messages to publish.
struct Request {
    topic: &'static str,
    frames: Vec<String>,
    published: oneshot::Sender<bool>,
}

/// What subscribers receive.
struct Feeds {
    is_connected: watch::Sender<bool>,
    status: BusStatus,
    topics: HashMap<&'static str, broadcast::Sender<Delivery>>,
}

impl PostgresNotify {
    /// A bus that connects on first use.
    #[must_use]
    pub fn connect_lazily(notifications: Notifications) -> Self {
        let (requests, received) = mpsc::channel(MAX_REQUESTS);
        let topics = TOPICS.map(|topic| (topic, broadcast::Sender::new(QUEUE_CAPACITY)));
        let topics = HashMap::from(topics);
        let feeds = Arc::new(Feeds {
            is_connected: watch::Sender::new(false),
            status: BusStatus::default(),
            topics,
        });
        let task = ConnectionTask {
            notifications: notifications.clone(),
            requests: received,
            unpublished: None,
            feeds: Arc::clone(&feeds),
            joiners: HashMap::new(),
            delay: RECONNECT_DELAYS.0,
            is_reconnecting: false,
        };
        Self {
            notifications,
            node_id: Uuid::now_v7().simple().to_string(),
            published: AtomicU64::new(0),
            link: Arc::new(Link { requests, feeds }),
            task: Mutex::new(Some(task)),
        }
    }

    /// Registers the metric.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.link.feeds.status.register(registry);
    }

    /// Waits until the connection listens, for `limit` at most. Then subscribers that arrive later miss nothing.
    pub async fn wait_until_connected(&self, limit: Duration) {
        self.start();
        let mut is_connected = self.link.feeds.is_connected.subscribe();
        // The task reports why it cannot connect.
        let _ = tokio::time::timeout(limit, is_connected.wait_for(|it| *it)).await;
    }

    fn start(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            tokio::spawn(task.run());
        }
    }

    async fn try_publish(&self, topic: &'static str, messages: &[String]) -> Option<bool> {
        let mut frames = Vec::with_capacity(messages.len());
        for message in messages {
            let number = self.published.fetch_add(1, Ordering::Relaxed);
            frames.extend(frames::split(&format!("{}-{number:x}", self.node_id), message)?);
        }
        let (published, result) = oneshot::channel();
        self.link.requests.send(Request { topic, frames, published }).await.ok()?;
        result.await.ok()
    }
}

impl Bus for PostgresNotify {
    fn publish<'a>(&'a self, topic: &'static str, messages: &'a [String]) -> BoxFuture<'a, bool> {
        self.start();
        Box::pin(async move {
            let published =
                tokio::time::timeout(PUBLISH_TIMEOUT, self.try_publish(topic, messages));
            let published = matches!(published.await, Ok(Some(true)));
            if !published {
                tracing::warn!(
                    topic,
                    "NOTIFY failed: other nodes receive this change with a delay"
                );
            }
            published
        })
    }

    fn subscribe(&self, topic: &'static str) -> BoxStream<'static, Delivery> {
        self.start();
        let (first, received) = self.link.feeds.subscribe(topic);
        let link = Arc::clone(&self.link);
        let rest = stream::unfold((received, link), async |(mut received, link)| {
            let delivery = match received.recv().await {
                Ok(delivery) => delivery,
                Err(broadcast::error::RecvError::Lagged(_)) => Delivery::Gap,
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((delivery, (received, link)))
        });
        stream::iter(first).chain(rest).boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let connect = self.notifications.connect(&TOPICS);
            match tokio::time::timeout(PING_TIMEOUT, connect).await {
                Ok(connected) => connected.map(drop).map_err(|error| reason(&error)),
                Err(_) => Err("it took too long".to_owned()),
            }
        })
    }
}

impl Feeds {
    /// The deliveries of `topic`, after a gap if the connection listens already.
    fn subscribe(&self, topic: &str) -> (Option<Delivery>, broadcast::Receiver<Delivery>) {
        // While this is borrowed, the connection does not change.
        let is_connected = self.is_connected.borrow();
        (is_connected.then_some(Delivery::Gap), self.topics[topic].subscribe())
    }

    /// The connection listens: what was published before was missed.
    fn connected(&self) {
        self.status.connected(CONNECTION);
        self.is_connected.send_modify(|is_connected| {
            *is_connected = true;
            for topic in self.topics.values() {
                // Without subscribers, there is no receiver.
                let _ = topic.send(Delivery::Gap);
            }
        });
    }

    fn disconnected(&self) {
        self.status.disconnected(CONNECTION);
        self.is_connected.send_replace(false);
    }
}

/// The task that owns the connection.
struct ConnectionTask {
    notifications: Notifications,
    requests: mpsc::Receiver<Request>,
    /// A message during which the connection was lost.
    unpublished: Option<Request>,
    feeds: Arc<Feeds>,
    joiners: HashMap<String, Joiner>,
    /// The delay before the next connection.
    delay: Duration,
    /// Whether the last connection failed.
    is_reconnecting: bool,
}

impl ConnectionTask {
    async fn run(mut self) {
        while !self.requests.is_closed() {
            let error = match self.notifications.connect(&TOPICS).await {
                Ok(connection) => {
                    self.feeds.connected();
                    if std::mem::take(&mut self.is_reconnecting) {
                        tracing::info!("the connection for LISTEN is available again");
                    }
                    let ended = self.serve(connection).await;
                    self.feeds.disconnected();
                    self.joiners.clear();
                    let Err(error) = ended else { return };
                    error
                }
                Err(error) => error,
            };
            let reason = reason(&error);
            tracing::warn!(reason, "the connection for LISTEN is unavailable: opening it again");
            self.is_reconnecting = true;
            tokio::time::sleep(self.delay).await;
            self.delay = (self.delay * 2).min(RECONNECT_DELAYS.1);
        }
    }

    /// Publishes and receives until every publisher and subscriber is gone.
    async fn serve(&mut self, mut connection: NotificationConnection) -> Result<(), Error> {
        let mut checks = interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
        if let Some(request) = self.unpublished.take() {
            self.publish(&mut connection, request).await?;
        }
        loop {
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.publish(&mut connection, request).await?,
                    None => return Ok(()),
                },
                notification = connection.next() => self.deliver(notification?),
                _ = checks.tick() => {
                    connection.check().await?;
                    self.delay = RECONNECT_DELAYS.0;
                }
            }
        }
    }

    async fn publish(
        &mut self,
        connection: &mut NotificationConnection,
        request: Request,
    ) -> Result<(), Error> {
        // Its publisher gave up.
        if request.published.is_closed() {
            return Ok(());
        }
        match connection.notify(request.topic, &request.frames).await {
            Err(error @ Error::Unavailable(_)) => {
                self.unpublished = Some(request);
                Err(error)
            }
            notified => {
                let _ = request.published.send(notified.is_ok());
                Ok(())
            }
        }
    }

    fn deliver(&mut self, notification: Notification) {
        let Notification { channel, payload } = notification;
        let Some(topic) = self.feeds.topics.get(&*channel) else { return };
        if let Some(message) = self.joiners.entry(channel).or_default().push(&payload) {
            let _ = topic.send(Delivery::Message(message));
        }
    }
}

/// Without the message of the database, which may name a misplaced password.
fn reason(error: &Error) -> String {
    error.reason().map_or_else(|| "no response".to_owned(), |reason| reason.to_string())
}
