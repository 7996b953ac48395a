//! Tests of the batch writer, with a paused clock.

use std::sync::{Arc, Mutex};

use hallpass_data::{Database, Options};
use tokio::sync::mpsc;

use super::*;

/// What a store has done.
#[derive(Default)]
struct Log {
    errors: Vec<Error>,
    batches: Vec<Vec<u32>>,
    counts: Vec<(&'static str, usize)>,
    prunes: Vec<Instant>,
    old_batches: usize,
}

struct Store(mpsc::UnboundedReceiver<u32>, Arc<Mutex<Log>>);

impl BatchStore for Store {
    type Item = u32;
    const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
    const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

    async fn recv(&mut self) -> Option<Vec<u32>> {
        let mut batch = Vec::new();
        (self.0.recv_many(&mut batch, 2).await > 0).then_some(batch)
    }

    fn close(&mut self) {
        self.0.close();
    }

    async fn write(&self, batch: Vec<u32>) -> Result<(), Error> {
        let mut log = self.1.lock().unwrap();
        match log.errors.pop() {
            Some(error) => Err(error),
            None => {
                log.batches.extend((!batch.is_empty()).then_some(batch));
                Ok(())
            }
        }
    }

    async fn prune(&self) -> bool {
        let mut log = self.1.lock().unwrap();
        log.prunes.push(Instant::now());
        log.old_batches = log.old_batches.saturating_sub(1);
        log.old_batches > 0
    }

    fn count(&self, outcome: Outcome<'_>, items: usize) {
        let outcome = match outcome {
            Outcome::Written => "written",
            Outcome::Failed(_) => "failed",
            Outcome::Stopped => "stopped",
        };
        if items > 0 {
            self.1.lock().unwrap().counts.push((outcome, items));
        }
    }
}

/// Runs a writer under a paused clock while `work` pushes items, then stops it.
async fn run(log: Log, work: impl AsyncFnOnce(&mpsc::UnboundedSender<u32>)) -> (Log, Duration) {
    tokio::time::pause();
    let (sender, receiver) = mpsc::unbounded_channel();
    let (log, stop) = (Arc::new(Mutex::new(log)), CancellationToken::new());
    let writer = BatchWriter::new(Store(receiver, Arc::clone(&log)));
    let running = tokio::spawn(writer.run_until(stop.clone()));
    work(&sender).await;
    let stopped = Instant::now();
    stop.cancel();
    running.await.unwrap();
    let elapsed = stopped.elapsed();
    (std::mem::take(&mut log.lock().unwrap()), elapsed)
}

/// Errors of a database that is unavailable.
async fn unavailable(count: usize) -> Vec<Error> {
    let mut errors = Vec::new();
    for _ in 0..count {
        let connected = Database::connect(Options::at("sqlite:///nonexistent/file.db")).await;
        errors.push(connected.err().unwrap());
    }
    errors
}

#[tokio::test]
async fn shutdown_flushes_in_batches() {
    let (log, _) = run(Log::default(), async |items| {
        (1..=5).for_each(|item| items.send(item).unwrap());
    })
    .await;
    assert_eq!(log.batches.concat(), [1, 2, 3, 4, 5]);
    assert!(log.batches.iter().all(|batch| batch.len() <= 2));
}

#[tokio::test]
async fn batch_is_retried_until_the_database_is_back() {
    let errors = unavailable(10).await;
    let log = Log { errors, ..Log::default() };
    let (log, _) = run(log, async |items| {
        items.send(1).unwrap();
        tokio::time::sleep(Duration::from_secs(6)).await;
    })
    .await;
    assert_eq!((log.batches, log.counts), (vec![vec![1]], vec![("written", 1)]));
}

#[tokio::test]
async fn batch_is_dropped_after_the_retry_timeout() {
    let errors = unavailable(61).await;
    let log = Log { errors, ..Log::default() };
    let (log, _) = run(log, async |items| {
        items.send(1).unwrap();
        tokio::time::sleep(Duration::from_secs(31)).await;
        items.send(2).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    })
    .await;
    assert_eq!(log.counts, [("failed", 1), ("written", 1)]);
    assert_eq!(log.batches, [[2]]);
}

#[tokio::test]
async fn permanent_error_is_not_retried() {
    let log = Log { errors: vec![Error::Unauthenticated], ..Log::default() };
    let (log, _) = run(log, async |items| {
        items.send(1).unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        items.send(2).unwrap();
    })
    .await;
    assert_eq!(log.counts, [("failed", 1), ("written", 1)]);
}

#[tokio::test]
async fn shutdown_ends_while_the_database_is_away() {
    let errors = unavailable(20).await;
    assert!(errors.iter().all(is_transient));
    let log = Log { errors, ..Log::default() };
    let (log, elapsed) = run(log, async |items| {
        (1..=5).for_each(|item| items.send(item).unwrap());
    })
    .await;
    assert_eq!(log.counts, [("failed", 2), ("stopped", 2), ("stopped", 1)]);
    assert!(elapsed <= SHUTDOWN_TIMEOUT + RETRY_DELAY, "{elapsed:?}");
}

#[tokio::test]
async fn pruning_goes_on_until_done_then_waits() {
    let (log, _) = run(Log { old_batches: 2, ..Log::default() }, async |items| {
        for item in 0..=70 {
            items.send(item).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    let since = |time: &Instant| time.duration_since(log.prunes[0]).as_secs();
    assert_eq!(log.prunes.iter().map(since).collect::<Vec<_>>(), [0, 1, 61]);
}
