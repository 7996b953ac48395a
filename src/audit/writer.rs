//! Background writer of the audit log: writes in batches, and prunes beyond the retention.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_entity::audit::Model;
use hallpass_entity::{AuditEventId, Database, Error, System, Timestamp, now};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::metrics::{Dropped, Outcome};
use super::{Audit, BATCH_SIZE};
use crate::access::AuditEntry;
use crate::config::Retention;
use crate::identity::AuthMethod;

/// How long an entry waits for others at most.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);
/// How long a batch is tried again while the database is away. What comes meanwhile waits in the queue.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// The same once the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// How long between two tries.
const RETRY_DELAY: Duration = Duration::from_millis(500);
/// How often what is too old is forgotten.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How much of it at once, between two batches: no event waits for long.
const PRUNE_BATCH: u64 = 1000;

/// The one who writes.
pub struct Writer {
    audit: Arc<Audit>,
    database: Database,
    retention: Option<Duration>,
    tidy_at: Instant,
}

impl Writer {
    pub(super) fn new(
        audit: Arc<Audit>,
        database: Database,
        Retention(retention): Retention,
    ) -> Self {
        Self { audit, database, retention, tidy_at: Instant::now() }
    }

    /// Writes until `stop`, then what is left.
    pub async fn run_until(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.recv_batch()).await.is_some() {
            self.flush(&stop).await;
            self.rename_erased().await;
            if Instant::now() >= self.tidy_at {
                self.prune().await;
            }
        }
        self.audit.queue.close();
        self.flush(&stop).await;
        self.rename_erased().await;
    }

    /// That there is a batch to write, or time for one.
    async fn recv_batch(&self) {
        let _ = tokio::time::timeout(FLUSH_INTERVAL, self.audit.news.notified()).await;
    }

    /// Writes what waits now. What comes meanwhile waits for the next time: however much comes, the rest of
    /// the work gets its turn.
    async fn flush(&mut self, stop: &CancellationToken) {
        let mut waiting = self.audit.queue.len();
        self.audit.meter.wait(waiting);
        let mut entries = self.audit.failures.take();
        loop {
            let taken =
                self.audit.queue.take(waiting.min(BATCH_SIZE.saturating_sub(entries.len())));
            waiting -= taken.len();
            entries.extend(taken);
            // The shares are served in turn; the record is in the order of time.
            entries.sort_by_key(|entry| entry.at);
            if entries.is_empty() {
                return;
            }
            let events = entries.drain(..).map(event).collect::<Vec<_>>();
            if !self.write(events, stop).await && stop.is_cancelled() {
                // A server that stops does not wait for a database that is away.
                let left = self.audit.queue.close();
                return self.audit.meter.dropped(Dropped::Stopped, left);
            }
        }
    }

    /// Writes one batch. Answers whether it is written; if not, it is lost.
    async fn write(&self, mut events: Vec<Model>, stop: &CancellationToken) -> bool {
        events.iter_mut().for_each(|event| self.audit.erased.apply(event));
        let began = Instant::now();
        loop {
            let patience = if stop.is_cancelled() { SHUTDOWN_TIMEOUT } else { RETRY_TIMEOUT };
            match self.system().insert_audit_events(events.clone()).await {
                Ok(()) => {
                    self.audit.meter.count(Outcome::Written, events.len());
                    return true;
                }
                Err(error) if is_transient(&error) && began.elapsed() < patience => {
                    tracing::warn!(%error, "the audit could not be written: trying again");
                    tokio::time::sleep(RETRY_DELAY).await;
                }
                Err(error) => {
                    tracing::error!(%error, lost = events.len(), "a part of the audit is lost");
                    self.audit.meter.dropped(Dropped::Database, events.len());
                    return false;
                }
            }
        }
    }

    /// What was written while they were erased.
    async fn rename_erased(&self) {
        for user in self.audit.erased.pending() {
            match self.system().pseudonymize(&user.id, &user.pseudonym).await {
                Ok(()) => self.audit.erased.completed(&user.pseudonym),
                Err(error) => {
                    tracing::warn!(%error, "a pseudonym could not be given: trying again");
                    return;
                }
            }
        }
    }

    /// Forgets a part of what is too old; all of it when it is called often enough.
    async fn prune(&mut self) {
        let forgotten = match self.too_old() {
            Some(moment) => self.system().delete_audit_events_before(moment, PRUNE_BATCH).await,
            None => Ok(0),
        };
        match forgotten {
            Ok(PRUNE_BATCH..) => return,
            Ok(_) => self.audit.erased.reapply(),
            Err(error) => tracing::warn!(%error, "what is old in the audit could not be forgotten"),
        }
        self.tidy_at = Instant::now() + PRUNE_INTERVAL;
    }

    fn too_old(&self) -> Option<Timestamp> {
        now().checked_sub_signed(TimeDelta::from_std(self.retention?).ok()?)
    }

    fn system(&self) -> System<'_> {
        self.database.system("the audit is the server's own")
    }
}

/// Whether the same may succeed later.
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
