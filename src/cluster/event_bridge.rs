//! Event bridge: publishes local events to Redis pub/sub, and receives those of other nodes.
//!
//! Through Redis pass the ids of rows and of their owners, never content. A client that could write there
//! could make listeners read their own rows again, and no more. Where something may have been lost on
//! the way, listeners are told that they missed something.

use std::time::Duration;

use hallpass_entity::UserId;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::redis_pubsub::RedisPubSub;
use crate::events::{Change, Event, Events, Row};

/// Where nodes tell each other.
const TOPIC: &str = "hallpass:events";
/// How soon a gap that could not be told is told again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Tells the other nodes, and hears them.
pub struct EventBridge {
    events: Events,
    nodes: RedisPubSub,
    /// This node, which hears itself too.
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Message {
    from: String,
    news: WireEvent,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireEvent {
    /// Something happened to a row of this owner's.
    Event { owner: String, change: Change, row: WireRow },
    /// What happened before could not be told.
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
    /// A relay between the `events` of this node and those of others.
    #[must_use]
    pub fn new(events: Events, nodes: RedisPubSub) -> Self {
        Self { events, nodes, name: Uuid::now_v7().simple().to_string() }
    }

    /// Passes on what is published here and what is heard of elsewhere, for ever.
    pub async fn run(&self) {
        tokio::join!(
            self.publish_loop(),
            self.nodes.listen(TOPIC, |message| self.on_message(message))
        );
    }

    async fn publish_loop(&self) {
        let mut leaving = self.events.outbound();
        let mut gap = false;
        loop {
            let heard = match gap {
                false => leaving.recv().await,
                // What was lost is told as soon as it can be, though nothing else happens.
                true => match tokio::time::timeout(RETRY_DELAY, leaving.recv()).await {
                    Ok(heard) => heard,
                    Err(_) => {
                        gap = !self.publish(WireEvent::Gap).await;
                        continue;
                    }
                },
            };
            match heard {
                Ok((owner, event)) => {
                    gap = gap && !self.publish(WireEvent::Gap).await;
                    gap |= !self.publish(news(&owner, event)).await;
                }
                Err(RecvError::Lagged(_)) => gap = true,
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn publish(&self, news: WireEvent) -> bool {
        let message = Message { from: self.name.clone(), news };
        let text = serde_json::to_string(&message).expect("texts are plain JSON");
        self.nodes.tell(TOPIC, &text).await
    }

    /// Takes in a message of a node. None: there was nothing to hear for a while.
    fn on_message(&self, message: Option<&str>) {
        let Some(text) = message else { return self.events.disconnect_all() };
        match serde_json::from_str::<Message>(text) {
            Ok(message) if message.from == self.name => {}
            Ok(Message { news: WireEvent::Event { owner, change, row }, .. }) => {
                self.events.deliver(&owner, Event { change, row: row.into() });
            }
            Ok(Message { news: WireEvent::Gap, .. }) => self.events.disconnect_all(),
            // Of a version to come, which knows more events.
            Err(_) => tracing::debug!("a node told something that is not understood here"),
        }
    }
}

fn news(owner: &UserId, event: Event) -> WireEvent {
    let owner = owner.as_str().to_owned();
    WireEvent::Event { owner, change: event.change, row: event.row.into() }
}
