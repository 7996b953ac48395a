//! Event bridge: publishes local events to the message bus, and receives those of other nodes.
//!
//! Messages hold the ids of rows and of their owners, never content: a client with write access to the bus could only
//! make subscribers read their own rows again. When messages may have been lost, subscribers are disconnected, so that
//! they read again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bus::{Bus, Delivery, EVENTS};
use crate::events::{Event, Events};

/// Interval of retries of a gap message.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Events that are published together.
const MAX_BATCH: usize = 64;
/// The time between two batches, unless they are full. An event after a pause is published at once.
const INTERVAL: Duration = Duration::from_millis(10);

/// An event of this node, and its owner.
type Outbound = (String, Event);

/// Relays events between this node and the others.
pub struct EventBridge {
    events: Events,
    bus: Arc<dyn Bus>,
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
    /// A row of this owner, or of every caller, has changed.
    Event {
        owner: String,
        #[serde(flatten)]
        event: Event,
    },
    /// Earlier events could not be published.
    Gap,
}

impl EventBridge {
    /// A bridge between the `events` of this node and those of the others.
    #[must_use]
    pub fn new(events: Events, bus: Arc<dyn Bus>) -> Self {
        Self { events, bus, node_id: Uuid::now_v7().simple().to_string() }
    }

    /// Publishes local events and receives remote ones until `stop` is cancelled. Those that were published before are
    /// sent.
    pub async fn run_until(&self, stop: &CancellationToken) {
        tokio::select! {
            () = self.publish_until(stop) => {}
            () = self.receive_loop() => {}
        }
    }

    async fn receive_loop(&self) {
        let mut deliveries = self.bus.subscribe(EVENTS);
        while let Some(delivery) = deliveries.next().await {
            self.on_delivery(&delivery);
        }
    }

    async fn publish_until(&self, stop: &CancellationToken) {
        let mut outbound = self.events.outbound();
        let (mut gap, mut next_batch) = (false, Instant::now());
        loop {
            // A gap is published as soon as possible, without waiting for another event.
            let limit = if gap { RETRY_DELAY } else { Duration::MAX };
            let received = tokio::select! {
                biased;
                received = tokio::time::timeout(limit, outbound.recv()) => received,
                () = stop.cancelled() => break,
            };
            gap = gap && !self.publish([WireEvent::Gap]).await;
            match received {
                Ok(Ok(first)) => {
                    let until = tokio::time::sleep_until(next_batch);
                    let _stopped = stop.run_until_cancelled(until).await;
                    let (batch, has_gap) = batch(first, &mut outbound);
                    let wait = if batch.len() < MAX_BATCH { INTERVAL } else { Duration::ZERO };
                    gap |= !self.publish(batch).await || has_gap;
                    next_batch = Instant::now() + wait;
                }
                Ok(Err(RecvError::Lagged(_))) => gap = true,
                Ok(Err(RecvError::Closed)) => break,
                Err(_) => {}
            }
        }
        if gap {
            self.publish([WireEvent::Gap]).await;
        }
    }

    async fn publish(&self, events: impl IntoIterator<Item = WireEvent>) -> bool {
        let text = |event| {
            let message = Message { from: self.node_id.clone(), event };
            serde_json::to_string(&message).expect("texts are plain JSON")
        };
        let messages: Vec<_> = events.into_iter().map(text).collect();
        self.bus.publish(EVENTS, &messages).await
    }

    fn on_delivery(&self, delivery: &Delivery) {
        let Delivery::Message(text) = delivery else { return self.events.disconnect_all() };
        match serde_json::from_str::<Message>(text) {
            Ok(message) if message.from == self.node_id => {}
            Ok(Message { event: WireEvent::Event { owner, event }, .. }) => {
                self.events.deliver(&owner, event);
            }
            Ok(Message { event: WireEvent::Gap, .. }) => self.events.disconnect_all(),
            // From a newer version with more events.
            Err(_) => tracing::debug!("unknown message from another node"),
        }
    }
}

/// `first`, with the events that were published meanwhile, and whether some of them are lost.
fn batch(first: Outbound, outbound: &mut Receiver<Outbound>) -> (Vec<WireEvent>, bool) {
    let (mut batch, mut has_gap) = (vec![first], false);
    while batch.len() < MAX_BATCH {
        match outbound.try_recv() {
            Ok(next) => batch.push(next),
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            Err(TryRecvError::Lagged(_)) => {
                has_gap = true;
                break;
            }
        }
    }
    let events = batch.into_iter().map(|(owner, event)| WireEvent::Event { owner, event });
    (events.collect(), has_gap)
}
