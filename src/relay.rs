//! Events between nodes: what is published on one is heard on all.
//!
//! Through Redis pass the ids of rows and of their owners, never content. A client that could write there
//! could make listeners read their own rows again, and no more. Where something may have been lost on
//! the way, listeners are told that they missed something.

use std::time::Duration;

use hallpass_entity::UserId;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use crate::events::{Change, Event, Events, Row};
use crate::nodes::Nodes;

/// Where nodes tell each other.
const TOPIC: &str = "hallpass:events";
/// How soon a gap that could not be told is told again.
const RETRY: Duration = Duration::from_secs(1);

/// Tells the other nodes, and hears them.
pub struct Relay {
    events: Events,
    nodes: Nodes,
    /// This node, which hears itself too.
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Message {
    from: String,
    news: News,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum News {
    /// Something happened to a row of this owner's.
    Event { owner: String, change: Change, row: Key },
    /// What happened before could not be told.
    Gap,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Key {
    Task(Uuid),
    Progress(Uuid),
}

impl From<Row> for Key {
    fn from(row: Row) -> Self {
        match row {
            Row::Task(id) => Self::Task(id.uuid()),
            Row::Progress(chapter) => Self::Progress(chapter.uuid()),
        }
    }
}

impl From<Key> for Row {
    fn from(key: Key) -> Self {
        match key {
            Key::Task(id) => Self::Task(id.into()),
            Key::Progress(chapter) => Self::Progress(chapter.into()),
        }
    }
}

impl Relay {
    /// A relay between the `events` of this node and those of others.
    #[must_use]
    pub fn new(events: Events, nodes: Nodes) -> Self {
        Self { events, nodes, name: Uuid::now_v7().simple().to_string() }
    }

    /// Passes on what is published here and what is heard of elsewhere, for ever.
    pub async fn keep_up(&self) {
        tokio::join!(self.speak(), self.nodes.listen(TOPIC, |message| self.heed(message)));
    }

    async fn speak(&self) {
        let mut leaving = self.events.leaving();
        let mut gap = false;
        loop {
            let heard = match gap {
                false => leaving.recv().await,
                // What was lost is told as soon as it can be, though nothing else happens.
                true => match tokio::time::timeout(RETRY, leaving.recv()).await {
                    Ok(heard) => heard,
                    Err(_) => {
                        gap = !self.tell(News::Gap).await;
                        continue;
                    }
                },
            };
            match heard {
                Ok((owner, event)) => {
                    gap = gap && !self.tell(News::Gap).await;
                    gap |= !self.tell(news(&owner, event)).await;
                }
                Err(RecvError::Lagged(_)) => gap = true,
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn tell(&self, news: News) -> bool {
        let message = Message { from: self.name.clone(), news };
        let text = serde_json::to_string(&message).expect("texts are plain JSON");
        self.nodes.tell(TOPIC, &text).await
    }

    /// Takes in a message of a node. None: there was nothing to hear for a while.
    fn heed(&self, message: Option<&str>) {
        let Some(text) = message else { return self.events.interrupt() };
        match serde_json::from_str::<Message>(text) {
            Ok(message) if message.from == self.name => {}
            Ok(Message { news: News::Event { owner, change, row }, .. }) => {
                self.events.deliver(&owner, Event { change, row: row.into() });
            }
            Ok(Message { news: News::Gap, .. }) => self.events.interrupt(),
            // Of a version to come, which knows more events.
            Err(_) => tracing::debug!("a node told something that is not understood here"),
        }
    }
}

fn news(owner: &UserId, event: Event) -> News {
    let owner = owner.as_str().to_owned();
    News::Event { owner, change: event.change, row: event.row.into() }
}
