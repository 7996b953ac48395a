//! Background writer of the audit log: inserts batches, renames events of erased users, and prunes events beyond the
//! retention.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_data::audit::Model;
use hallpass_data::{AuditEventId, Database, Error, System, Timestamp, now};

use super::metrics::Dropped;
use super::pseudonyms::RETENTION;
use super::{Audit, BATCH_SIZE};
use crate::access::AuditEntry;
use crate::batch_writer::{BatchStore, Outcome};
use crate::bypass;
use hallpass_identity::AuthMethod;

/// Maximum time that an event waits for a batch.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);
/// Events deleted per statement.
const PRUNE_BATCH: u64 = 1000;

/// The audit log in the database.
pub struct AuditStore {
    pub(super) audit: Arc<Audit>,
    pub(super) database: Database,
    pub(super) retention: Option<Duration>,
    pub(super) is_closed: bool,
}

impl BatchStore for AuditStore {
    type Item = Model;
    const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
    const PRUNE_INTERVAL: Duration = Duration::from_secs(60 * 60);

    async fn recv(&mut self) -> Option<Vec<Model>> {
        let Audit { queue, failures, batch_ready, metrics, .. } = &*self.audit;
        if !self.is_closed && queue.len() < BATCH_SIZE {
            let _ = tokio::time::timeout(FLUSH_INTERVAL, batch_ready.notified()).await;
        }
        metrics.waiting.set(queue.len().try_into().unwrap_or(i64::MAX));
        let mut entries = failures.take();
        entries.extend(queue.take(BATCH_SIZE.saturating_sub(entries.len())));
        // Dequeued round-robin; stored in order of time.
        entries.sort_by_key(|entry| entry.at);
        Some(entries.into_iter().map(event).collect())
    }

    fn close(&mut self) {
        self.is_closed = true;
        self.audit.queue.close();
    }

    async fn write(&self, mut events: Vec<Model>) -> Result<(), Error> {
        events.iter_mut().for_each(|event| self.audit.erased.apply(event));
        if !events.is_empty() {
            self.system().insert_audit_events(events).await?;
        }
        self.rename_erased().await;
        Ok(())
    }

    async fn prune(&self) -> bool {
        let deleted = match self.retention_start() {
            Some(time) => self.system().delete_audit_events_before(time, PRUNE_BATCH).await,
            None => Ok(0),
        };
        match deleted {
            Ok(PRUNE_BATCH..) => return true,
            Ok(_) => self.reapply_pseudonyms().await,
            Err(error) => tracing::warn!(%error, "failed to delete old audit events"),
        }
        false
    }

    fn count(&self, outcome: Outcome<'_>, events: usize) {
        let metrics = &self.audit.metrics;
        match outcome {
            Outcome::Written => metrics.events.add("written", events),
            Outcome::Failed(error) => {
                tracing::error!(%error, dropped = events, "audit events dropped: write failed");
                metrics.dropped(Dropped::Database, events);
            }
            Outcome::Stopped => metrics.dropped(Dropped::Stopped, events),
        }
    }
}

impl AuditStore {
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

    /// Schedules another renaming for the users who were erased recently, by any node.
    async fn reapply_pseudonyms(&self) {
        let start = now() - RETENTION;
        let stored = async {
            self.system().delete_erased_users_until(start).await?;
            self.system().erased_users_since(start).await
        };
        match stored.await {
            Ok(stored) => self.audit.erased.reapply(stored),
            Err(error) => tracing::warn!(%error, "failed to read pseudonyms: retrying in an hour"),
        }
    }

    fn retention_start(&self) -> Option<Timestamp> {
        now().checked_sub_signed(TimeDelta::from_std(self.retention?).ok()?)
    }

    fn system(&self) -> System<'_> {
        self.database.system(bypass::AUDIT.reason())
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
