//! Shared rows: notifies the other nodes of writes to shared tables, so that they discard their cached copies.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use hallpass_data::Database;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bus::{Bus, Delivery, SHARED_ROWS};

/// Interval of retries of a message.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Relays writes to shared tables between this node and the others. A lost message delays a change by the lifetime of a
/// cached row at most.
pub struct SharedRowsSync {
    database: Database,
    bus: Arc<dyn Bus>,
    /// The id of this node, which receives its own messages too.
    node_id: String,
}

impl SharedRowsSync {
    /// A relay between the cache of `database` and the other nodes.
    #[must_use]
    pub fn new(database: Database, bus: Arc<dyn Bus>) -> Self {
        Self { database, bus, node_id: Uuid::now_v7().simple().to_string() }
    }

    /// Relays until `stop` is cancelled, or returns at once without a cache. Writes before that are sent.
    pub async fn run_until(&self, stop: &CancellationToken) {
        let Some(mut writes) = self.database.shared_writes() else { return };
        let publish = async {
            let message = [self.node_id.clone()];
            loop {
                let is_written = tokio::select! {
                    biased;
                    changed = writes.changed() => changed.is_ok(),
                    () = stop.cancelled() => false,
                };
                if !is_written {
                    return;
                }
                // Other nodes get no gap while only this one is disconnected.
                while !self.bus.publish(SHARED_ROWS, &message).await {
                    tokio::time::sleep(RETRY_DELAY).await;
                }
            }
        };
        let receive = async {
            let mut deliveries = self.bus.subscribe(SHARED_ROWS);
            while let Some(delivery) = deliveries.next().await {
                let is_own = matches!(&delivery, Delivery::Message(from) if *from == self.node_id);
                if !is_own {
                    self.database.discard_shared_rows();
                }
            }
        };
        tokio::select! {
            () = publish => {}
            () = receive => {}
        }
    }
}
