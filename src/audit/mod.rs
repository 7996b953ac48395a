//! The audit: refusals, what administrators read, every mutation, every credential that failed.
//!
//! A request leaves its entries in a queue and goes on; a [`Writer`] takes them from there into the
//! database, many at once. The queue is bounded and shared fairly (`queue`): what finds no room is counted
//! with an equal line, or dropped and counted. Failed credentials are counted together before they come near
//! it. A process that is killed loses what the last moment brought.

pub(crate) mod failed_credentials;
pub(crate) mod metrics;
pub(crate) mod pseudonyms;
mod query;
mod queue;
mod types;
mod writer;

use std::net::IpAddr;
use std::sync::Arc;

use hallpass_entity::audit::row_of_user;
use hallpass_entity::{Database, now};
use prometheus_client::registry::Registry;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::access::{ALLOWED, AuditEntry, AuditSink};
use crate::config::Retention;

pub use query::AuditQuery;
pub use types::{AuditEvent, AuditFilter};
pub use writer::Writer;

use failed_credentials::FailedCredentials;
use metrics::{AuditMetrics, Outcome};
use pseudonyms::Pseudonyms;
use queue::{Pushed, Queue};

/// How many are written at once: on SQLite each takes as many variables as a row has columns.
const BATCH_SIZE: usize = 500;

/// Takes in what is to be on the record. No request waits here.
pub struct Audit {
    queue: Queue,
    failures: FailedCredentials,
    erased: Pseudonyms,
    news: Notify,
    meter: AuditMetrics,
}

/// An audit in `database`, and what writes it there.
#[must_use]
pub fn open(
    database: Database,
    retention: Retention,
    metrics: &mut Registry,
) -> (Arc<Audit>, Writer) {
    let audit = Arc::new(Audit {
        queue: Queue::default(),
        failures: FailedCredentials::default(),
        erased: Pseudonyms::default(),
        news: Notify::new(),
        meter: AuditMetrics::registered(metrics),
    });
    let writer = Writer::new(Arc::clone(&audit), database, retention);
    (audit, writer)
}

impl Audit {
    /// Where a request from `address`, the end user's, leaves its entries.
    #[must_use]
    pub fn ledger(self: &Arc<Self>, address: IpAddr) -> AuditSink {
        let audit = Arc::clone(self);
        Arc::new(move |entries| audit.take(entries, address))
    }

    fn take(&self, entries: Vec<AuditEntry>, address: IpAddr) {
        for entry in entries {
            match self.queue.push(entry, address) {
                Pushed::Queued => {}
                Pushed::Merged => self.meter.count(Outcome::Merged, 1),
                Pushed::Dropped(reason) => self.meter.dropped(reason, 1),
            }
        }
        if self.queue.len() >= BATCH_SIZE {
            self.news.notify_one();
        }
    }

    /// Notes that a credential failed the check `rule` at `field`, and that the request was answered with
    /// the code `outcome`.
    pub fn failed(&self, request_id: &str, field: &str, rule: &str, outcome: &str) {
        self.failures.note(AuditEntry {
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
        });
    }

    /// Notes that the first user's rows became the second's, by a message of the auth server's: one line
    /// about each.
    pub fn linked(&self, request_id: &str, field: &str, users: [&str; 2], rows: u64) {
        let decision_id = Uuid::now_v7();
        let entry = |user: &str| AuditEntry {
            at: now(),
            decision_id,
            request_id: request_id.to_owned(),
            caller_id: None,
            impersonated_by: None,
            method: None,
            field: field.to_owned(),
            rule: "signature".to_owned(),
            outcome: ALLOWED.to_owned(),
            row_id: Some(row_of_user(user)),
            times: rows.try_into().unwrap_or(u32::MAX),
            client_id: None,
            scopes: None,
        };
        // From no address of a client's: it is the auth server that says so.
        self.take(users.map(entry).into(), IpAddr::from([0, 0, 0, 0]));
    }

    /// The user with this id was erased, and the audit names them `pseudonym` from now on: in what is still
    /// to be written too, here and by other nodes. For an hour at least: a user who still uses the account after
    /// that is a new one.
    pub fn erased(&self, user: &str, pseudonym: &str) {
        self.erased.remember(user, pseudonym);
    }
}
