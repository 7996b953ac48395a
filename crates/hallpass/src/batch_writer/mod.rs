//! Batch writer: a background task that writes queued items to the database in batches.
//!
//! Requests push items to a bounded queue and never wait. A batch is one statement. It is retried while the database is
//! unavailable, and dropped and counted after that. At shutdown, the remaining items are written.

#[cfg(test)]
mod tests;

use std::time::Duration;

use hallpass_data::Error;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Maximum time of retries during shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Delay between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Where a [`BatchWriter`] takes items from, and writes them to.
pub trait BatchStore: Send + Sync {
    /// One item.
    type Item: Clone + Send + Sync;
    /// How long a batch is retried while the database is unavailable. New items wait in the queue.
    const RETRY_TIMEOUT: Duration;
    /// Interval of pruning.
    const PRUNE_INTERVAL: Duration;

    /// Waits for the next batch, which may be empty. Does not wait if the queue is closed; none if it is closed and
    /// empty. Loses no items if it is cancelled.
    fn recv(&mut self) -> impl Future<Output = Option<Vec<Self::Item>>> + Send;

    /// Closes the queue for new items.
    fn close(&mut self);

    /// Writes one batch, which may be empty.
    fn write(&self, batch: Vec<Self::Item>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes one batch of old rows. Returns whether more are left: they are deleted after the next batch of items, so
    /// that writing is not delayed.
    fn prune(&self) -> impl Future<Output = bool> + Send;

    /// Counts, and logs, what happened to this number of items.
    fn count(&self, outcome: Outcome<'_>, items: usize);
}

/// What happened to a batch.
pub enum Outcome<'a> {
    /// It was written.
    Written,
    /// It was dropped, because the write failed.
    Failed(&'a Error),
    /// It was dropped, because the server is shutting down and the write of an earlier batch failed.
    Stopped,
}

/// Background writer of the items of a store.
pub struct BatchWriter<S> {
    store: S,
    prune_at: Instant,
}

impl<S: BatchStore> BatchWriter<S> {
    /// A writer of the items of `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store, prune_at: Instant::now() }
    }

    /// Writes until `stop` is cancelled, then writes the remaining items.
    pub async fn run_until(mut self, stop: CancellationToken) {
        let mut is_available = true;
        while let Some(Some(batch)) = stop.run_until_cancelled(self.store.recv()).await {
            is_available = self.write(batch, &stop).await || !stop.is_cancelled();
            if Instant::now() >= self.prune_at && !self.store.prune().await {
                self.prune_at = Instant::now() + S::PRUNE_INTERVAL;
            }
        }
        self.store.close();
        loop {
            let batch = self.store.recv().await.unwrap_or_default();
            let is_last = batch.is_empty();
            // Do not wait for an unavailable database during shutdown.
            match is_available {
                true => is_available = self.write(batch, &stop).await,
                false => self.store.count(Outcome::Stopped, batch.len()),
            }
            if is_last {
                return;
            }
        }
    }

    /// Writes one batch, with retries. Returns whether it was written; otherwise, it is dropped.
    async fn write(&self, batch: Vec<S::Item>, stop: &CancellationToken) -> bool {
        let started = Instant::now();
        while let Err(error) = self.store.write(batch.clone()).await {
            let limit = if stop.is_cancelled() { SHUTDOWN_TIMEOUT } else { S::RETRY_TIMEOUT };
            if !is_transient(&error) || started.elapsed() >= limit.min(S::RETRY_TIMEOUT) {
                self.store.count(Outcome::Failed(&error), batch.len());
                return false;
            }
            tracing::warn!(%error, items = batch.len(), "failed to write a batch: retrying");
            tokio::time::sleep(RETRY_DELAY).await;
        }
        self.store.count(Outcome::Written, batch.len());
        true
    }
}

/// Whether a retry may succeed.
fn is_transient(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Timeout(_))
}

/// Counter of items, by one label. Labels contain no user data.
#[derive(Clone)]
pub(crate) struct ItemCounter {
    label: &'static str,
    items: Family<[(&'static str, &'static str); 1], Counter>,
}

impl ItemCounter {
    /// Registers a counter. Its `values` are initialized with zero, so that the first drop shows as an increase.
    pub(crate) fn registered(
        metrics: &mut Registry,
        (name, help): (&str, &str),
        label: &'static str,
        values: &[&'static str],
    ) -> Self {
        let counter = Self { label, items: Family::default() };
        metrics.register(name, help, counter.items.clone());
        values.iter().for_each(|value| counter.add(value, 0));
        counter
    }

    pub(crate) fn add(&self, value: &'static str, items: usize) {
        self.items.get_or_create(&[(self.label, value)]).inc_by(items as u64);
    }
}
