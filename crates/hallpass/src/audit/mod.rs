//! Audit log: denials, privileged reads, all mutations, and failed credentials.
//!
//! Requests push their entries to a queue; a [`Writer`] inserts them into the database in batches. The queue is bounded
//! and fair (`queue`): events beyond a limit are merged with equal ones, or dropped and counted. Failed credentials are
//! aggregated separately. A killed process loses the events that are still queued.

pub(crate) mod failed_credentials;
pub(crate) mod metrics;
pub(crate) mod pseudonyms;
mod query;
mod queue;
mod types;
mod writer;

use std::net::IpAddr;
use std::sync::Arc;

use hallpass_data::audit::row_of_user;
use hallpass_data::{Database, now};
use prometheus_client::registry::Registry;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::access::{ALLOWED, AuditEntry, AuditSink};
use crate::batch_writer::BatchWriter;
use crate::config::Retention;

pub use query::AuditQuery;
pub use types::{AuditEvent, AuditFilter};
pub use writer::AuditStore;

use failed_credentials::FailedCredentials;
use metrics::AuditMetrics;
use pseudonyms::Pseudonyms;
use queue::{Pushed, Queue};

/// Rows per insert: SQLite limits the number of bound variables, one per column.
const BATCH_SIZE: usize = 500;

/// Collects audit events. Never blocks a request.
pub struct Audit {
    queue: Queue,
    failures: FailedCredentials,
    erased: Pseudonyms,
    batch_ready: Notify,
    metrics: AuditMetrics,
}

/// Background writer of the audit log.
pub type Writer = BatchWriter<AuditStore>;

/// Creates an audit log in `database`, and its background writer.
#[must_use]
pub fn open(
    database: Database,
    Retention(retention): Retention,
    metrics: &mut Registry,
) -> (Arc<Audit>, Writer) {
    let audit = Arc::new(Audit {
        queue: Queue::default(),
        failures: FailedCredentials::default(),
        erased: Pseudonyms::default(),
        batch_ready: Notify::new(),
        metrics: AuditMetrics::registered(metrics),
    });
    let store = AuditStore { audit: Arc::clone(&audit), database, retention, is_closed: false };
    (audit, BatchWriter::new(store))
}

impl Audit {
    /// The sink for the entries of a request from `address`, the IP address of the end user.
    #[must_use]
    pub fn sink(self: &Arc<Self>, address: IpAddr) -> AuditSink {
        let audit = Arc::clone(self);
        Arc::new(move |entries| audit.take(entries, address))
    }

    fn take(&self, entries: Vec<AuditEntry>, address: IpAddr) {
        for entry in entries {
            match self.queue.push(entry, address) {
                Pushed::Queued => {}
                Pushed::Merged => self.metrics.events.add("merged", 1),
                Pushed::Dropped(reason) => self.metrics.dropped(reason, 1),
            }
        }
        if self.queue.len() >= BATCH_SIZE {
            self.batch_ready.notify_one();
        }
    }

    /// Records that a credential failed the check `rule` at `field`, and the error code `outcome` of the response.
    pub fn failed(&self, request_id: &str, field: &str, rule: &str, outcome: &str) {
        self.failures.note(entry(request_id, field, rule, outcome));
    }

    /// Records that the rows of the first user were transferred to the second one, by a webhook of the auth server: one
    /// event for each user.
    pub fn linked(&self, request_id: &str, field: &str, users: [&str; 2], rows: u64) {
        let times = rows.try_into().unwrap_or(u32::MAX);
        let entry = entry(request_id, field, "signature", ALLOWED);
        let event = |user| AuditEntry { row_id: Some(row_of_user(user)), times, ..entry.clone() };
        // No client address: the auth server is the sender.
        self.take(users.map(event).into(), IpAddr::from([0, 0, 0, 0]));
    }

    /// Pseudonymizes the erased user with this ID in events that are not written yet, here or by other nodes, for at
    /// least an hour. A user who still uses the account after that is a new user.
    pub fn erased(&self, user: &str, pseudonym: &str) {
        self.erased.remember(user, pseudonym);
    }
}

/// An event without a caller.
fn entry(request_id: &str, field: &str, rule: &str, outcome: &str) -> AuditEntry {
    AuditEntry {
        at: now(),
        decision_id: Uuid::now_v7(),
        request_id: request_id.to_owned(),
        caller_id: None,
        impersonated_by: None,
        method: None,
        field: field.to_owned(),
        rule: rule.to_owned(),
        outcome: outcome.to_owned(),
        row_id: None,
        times: 1,
        client_id: None,
        scopes: None,
    }
}
