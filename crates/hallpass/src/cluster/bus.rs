//! Message bus (pub/sub) between the nodes. Messages notify other nodes of changes in the shared database, with ids at
//! most. Nodes read the content from the database, so messages need not be trusted.

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

/// Topic of changed rows.
pub const EVENTS: &str = "hallpass:events";
/// Topic of stored revocations.
pub const REVOCATIONS: &str = "hallpass:revocations";
/// Topic of writes to shared tables.
pub const SHARED_ROWS: &str = "hallpass:shared-rows";
/// Every topic.
pub const TOPICS: [&str; 3] = [EVENTS, REVOCATIONS, SHARED_ROWS];

/// What a subscriber receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A message of any node, including this one.
    Message(String),
    /// Messages may have been missed: at the start, and after each interruption.
    Gap,
}

/// Publishes to, and subscribes to, the other nodes: through Redis, or through PostgreSQL. An outage never fails a
/// request.
pub trait Bus: Send + Sync {
    /// Publishes `messages`, of at most a megabyte each, in this order. Returns whether that succeeded, after a few
    /// seconds at most. Called after the commit of the change, and outside of its transaction. Nodes that miss a message
    /// find the change when they poll the database.
    fn publish<'a>(&'a self, topic: &'static str, messages: &'a [String]) -> BoxFuture<'a, bool>;

    /// Subscribes to the messages of `topic`. Reconnects after interruptions, and never ends.
    fn subscribe(&self, topic: &'static str) -> BoxStream<'static, Delivery>;

    /// Checks that the server of the bus responds; fails with the reason.
    fn ping(&self) -> BoxFuture<'_, Result<(), String>>;
}
