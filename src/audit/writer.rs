//! Background writer of the audit log: inserts batches, retries, and prunes events beyond the retention.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_data::audit::Model;
use hallpass_data::{AuditEventId, Database, Error, System, Timestamp, now};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::metrics::{Dropped, Outcome};
use super::{Audit, BATCH_SIZE};
use crate::access::AuditEntry;
use crate::config::Retention;
use hallpass_identity::AuthMethod;

/// Maximum time that an event waits for a batch.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);
/// How long a batch is retried while the database is unavailable. New events wait in the queue.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// As [`RETRY_TIMEOUT`], during shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Delay between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// Interval of pruning.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Events deleted per statement, between two batches, so that writing is not delayed.
const PRUNE_BATCH: u64 = 1000;

/// Background writer of the audit log.
pub struct Writer {
    audit: Arc<Audit>,
    database: Database,
    retention: Option<Duration>,
    prune_at: Instant,
}

impl Writer {
    pub(super) fn new(
        audit: Arc<Audit>,
        database: Database,
        Retention(retention): Retention,
    ) -> Self {
        Self { audit, database, retention, prune_at: Instant::now() }
    }

    /// Writes until `stop` is cancelled, then writes the remaining events.
    pub async fn run_until(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.recv_batch()).await.is_some() {
            self.flush(&stop).await;
            self.rename_erased().await;
            if Instant::now() >= self.prune_at {
                self.prune().await;
            }
        }
        self.audit.queue.close();
        self.flush(&stop).await;
        self.rename_erased().await;
    }

    /// Waits for a full batch or for the flush interval.
    async fn recv_batch(&self) {
        let _ = tokio::time::timeout(FLUSH_INTERVAL, self.audit.batch_ready.notified()).await;
    }

    /// Writes the events queued now. Events that arrive meanwhile wait for the next flush, so that a steady load does
    /// not starve renaming and pruning.
    async fn flush(&mut self, stop: &CancellationToken) {
        let mut waiting = self.audit.queue.len();
        self.audit.metrics.set_waiting(waiting);
        let mut entries = self.audit.failures.take();
        loop {
            let taken =
                self.audit.queue.take(waiting.min(BATCH_SIZE.saturating_sub(entries.len())));
            waiting -= taken.len();
            entries.extend(taken);
            // Dequeued round-robin; stored in order of time.
            entries.sort_by_key(|entry| entry.at);
            if entries.is_empty() {
                return;
            }
            let events = entries.drain(..).map(event).collect::<Vec<_>>();
            if !self.write(events, stop).await && stop.is_cancelled() {
                // Do not wait for an unavailable database during shutdown.
                let left = self.audit.queue.close();
                return self.audit.metrics.dropped(Dropped::Stopped, left);
            }
        }
    }

    /// Writes one batch, with retries. Returns whether it was written; otherwise, its events are dropped.
    async fn write(&self, mut events: Vec<Model>, stop: &CancellationToken) -> bool {
        events.iter_mut().for_each(|event| self.audit.erased.apply(event));
        let started = Instant::now();
        loop {
            let timeout = if stop.is_cancelled() { SHUTDOWN_TIMEOUT } else { RETRY_TIMEOUT };
            match self.system().insert_audit_events(events.clone()).await {
                Ok(()) => {
                    self.audit.metrics.count(Outcome::Written, events.len());
                    return true;
                }
                Err(error) if is_transient(&error) && started.elapsed() < timeout => {
                    tracing::warn!(%error, "failed to write audit events: retrying");
                    tokio::time::sleep(RETRY_DELAY).await;
                }
                Err(error) => {
                    tracing::error!(%error, dropped = events.len(), "audit events dropped: write failed");
                    self.audit.metrics.dropped(Dropped::Database, events.len());
                    return false;
                }
            }
        }
    }

    /// Renames events of erased users that were written after the erasure.
    async fn rename_erased(&self) {
        for user in self.audit.erased.pending() {
            match self.system().pseudonymize(&user.id, &user.pseudonym).await {
                Ok(()) => self.audit.erased.completed(&user.pseudonym),
                Err(error) => {
                    tracing::warn!(%error, "failed to pseudonymize audit events of an erased user: retrying");
                    return;
                }
            }
        }
    }

    /// Deletes one batch of events beyond the retention. Called again at once until none is left.
    async fn prune(&mut self) {
        let deleted = match self.retention_start() {
            Some(time) => self.system().delete_audit_events_before(time, PRUNE_BATCH).await,
            None => Ok(0),
        };
        match deleted {
            Ok(PRUNE_BATCH..) => return,
            Ok(_) => self.audit.erased.reapply(),
            Err(error) => tracing::warn!(%error, "failed to delete old audit events"),
        }
        self.prune_at = Instant::now() + PRUNE_INTERVAL;
    }

    fn retention_start(&self) -> Option<Timestamp> {
        now().checked_sub_signed(TimeDelta::from_std(self.retention?).ok()?)
    }

    fn system(&self) -> System<'_> {
        self.database.system("the audit log belongs to the server")
    }
}

/// Whether a retry may succeed.
fn is_transient(error: &Error) -> bool {
    match error {
        Error::Unavailable(_) | Error::Timeout(_) => true,
        Error::Unauthenticated
        | Error::Full { .. }
        | Error::UniqueViolation(_)
        | Error::ForeignKeyViolation(_)
        | Error::Internal(_) => false,
    }
}

fn event(entry: AuditEntry) -> Model {
    Model {
        id: AuditEventId::generate(),
        at: entry.at,
        decision_id: entry.decision_id,
        request_id: entry.request_id,
        caller_id: entry.caller_id,
        impersonated_by: entry.impersonated_by,
        method: entry.method.map(|via| AuthMethod::name(via).to_owned()),
        field: entry.field,
        rule: entry.rule,
        outcome: entry.outcome,
        row_id: entry.row_id,
        times: entry.times.try_into().unwrap_or(i32::MAX),
        client_id: entry.client_id,
        scopes: entry.scopes,
    }
}
