//! Event bridge: publishes local events to Redis pub/sub, and receives those of other nodes.
//!
//! Messages hold the ids of rows and of their owners, never content: a client with write access to Redis could only
//! make subscribers read their own rows again. When messages may have been lost, subscribers are disconnected, so that
//! they read again.

use std::time::Duration;

use hallpass_data::UserId;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::redis_pubsub::RedisPubSub;
use crate::events::{Change, Event, Events, Row};

/// The pub/sub channel.
const TOPIC: &str = "hallpass:events";
/// Interval of retries of a gap message.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Relays events between this node and the others.
pub struct EventBridge {
    events: Events,
    pubsub: RedisPubSub,
    /// The id of this node, which receives its own messages too.
    node_id: String,
}

#[derive(Serialize, Deserialize)]
struct Message {
    from: String,
    #[serde(rename = "news")]
    event: WireEvent,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireEvent {
    /// A row of this owner has changed.
    Event { owner: String, change: Change, row: WireRow },
    /// Earlier events could not be published.
    Gap,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireRow {
    Task(Uuid),
    Progress(Uuid),
}

impl From<Row> for WireRow {
    fn from(row: Row) -> Self {
        match row {
            Row::Task(id) => Self::Task(id.uuid()),
            Row::Progress(chapter) => Self::Progress(chapter.uuid()),
        }
    }
}

impl From<WireRow> for Row {
    fn from(key: WireRow) -> Self {
        match key {
            WireRow::Task(id) => Self::Task(id.into()),
            WireRow::Progress(chapter) => Self::Progress(chapter.into()),
        }
    }
}

impl EventBridge {
    /// A bridge between the `events` of this node and those of the others.
    #[must_use]
    pub fn new(events: Events, pubsub: RedisPubSub) -> Self {
        Self { events, pubsub, node_id: Uuid::now_v7().simple().to_string() }
    }

    /// Publishes local events and receives remote ones; never returns.
    pub async fn run(&self) {
        tokio::join!(
            self.publish_loop(),
            self.pubsub.subscribe(TOPIC, |message| self.on_message(message))
        );
    }

    async fn publish_loop(&self) {
        let mut outbound = self.events.outbound();
        let mut gap = false;
        loop {
            let received = match gap {
                false => outbound.recv().await,
                // A gap is published as soon as possible, without waiting for another event.
                true => match tokio::time::timeout(RETRY_DELAY, outbound.recv()).await {
                    Ok(received) => received,
                    Err(_) => {
                        gap = !self.publish(WireEvent::Gap).await;
                        continue;
                    }
                },
            };
            match received {
                Ok((owner, event)) => {
                    gap = gap && !self.publish(WireEvent::Gap).await;
                    gap |= !self.publish(wire_event(&owner, event)).await;
                }
                Err(RecvError::Lagged(_)) => gap = true,
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn publish(&self, event: WireEvent) -> bool {
        let message = Message { from: self.node_id.clone(), event };
        let text = serde_json::to_string(&message).expect("texts are plain JSON");
        self.pubsub.publish(TOPIC, &text).await
    }

    /// Handles a message of a node; `None` when messages may have been missed.
    fn on_message(&self, message: Option<&str>) {
        let Some(text) = message else { return self.events.disconnect_all() };
        match serde_json::from_str::<Message>(text) {
            Ok(message) if message.from == self.node_id => {}
            Ok(Message { event: WireEvent::Event { owner, change, row }, .. }) => {
                self.events.deliver(&owner, Event { change, row: row.into() });
            }
            Ok(Message { event: WireEvent::Gap, .. }) => self.events.disconnect_all(),
            // From a newer version with more events.
            Err(_) => tracing::debug!("unknown message from another node"),
        }
    }
}

fn wire_event(owner: &UserId, event: Event) -> WireEvent {
    let owner = owner.as_str().to_owned();
    WireEvent::Event { owner, change: event.change, row: event.row.into() }
}
