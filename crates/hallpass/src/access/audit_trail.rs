//! Audit trail of one request: denials, privileged reads, mutations. Collected during the request, and passed to the
//! sink when the trail is dropped, so also when the request is cancelled.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hallpass_data::{Timestamp, now};
use uuid::Uuid;

use hallpass_identity::{AuthMethod, Caller};

/// Entries of one request that distinguish rows. Beyond, equal entries are merged and counted.
const MAX_ENTRIES: usize = 64;
/// Row IDs stored per mutation: as many as one mutation may change. A mutation with more is rejected. For a denied or
/// failed mutation with several rows, no row IDs are stored: they may be nonexistent.
const MAX_ROWS: usize = 100;

/// Outcome: allowed and executed.
pub const ALLOWED: &str = "ALLOWED";
/// Outcome of a mutation that was interrupted by the end of the request.
const UNFINISHED: &str = "UNFINISHED";

/// One audit event: caller, field, rule, outcome. Contains no tokens and no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Time of the event.
    pub at: Timestamp,
    /// Decision ID; `extensions.decisionId` of a denial.
    pub decision_id: Uuid,
    /// Request ID, as in the log and in the `X-Request-Id` header.
    pub request_id: String,
    /// User ID of the caller. None if no caller is signed in.
    pub caller_id: Option<String>,
    /// User ID of the administrator who impersonates the caller.
    pub impersonated_by: Option<String>,
    /// Kind of credential.
    pub method: Option<AuthMethod>,
    /// `Type.field`, or `authentication`.
    pub field: String,
    /// Name of the rule, or the check that a credential failed.
    pub rule: String,
    /// [`ALLOWED`], or the error code.
    pub outcome: String,
    /// Global ID of the row, if any. For users, the result of [`row_of_user`](hallpass_data::audit::row_of_user).
    pub row_id: Option<String>,
    /// Number of occurrences within the request. For a failed mutation, the number of its row IDs.
    pub times: u32,
    /// ID of the OAuth client that acted for the caller.
    pub client_id: Option<String>,
    /// Scopes granted to the client, separated by spaces. None without a client.
    pub scopes: Option<String>,
}

/// Receives the entries of a request. Must not block.
pub type AuditSink = Arc<dyn Fn(Vec<AuditEntry>) + Send + Sync>;

/// Audit trail of one request.
pub struct AuditTrail {
    sink: AuditSink,
    request_id: Arc<str>,
    caller: Option<Arc<Caller>>,
    pending: Mutex<Vec<PendingEntry>>,
}

struct PendingEntry {
    at: Timestamp,
    decision_id: Uuid,
    field: String,
    rule: String,
    outcome: String,
    rows: Vec<String>,
    /// Number of row IDs beyond [`MAX_ROWS`].
    excess_rows: u32,
    times: u32,
    /// Whether it is the running mutation.
    open: bool,
}

impl AuditTrail {
    /// Creates the trail of one request.
    #[must_use]
    pub fn new(sink: AuditSink, request_id: Arc<str>, caller: Option<Arc<Caller>>) -> Self {
        Self { sink, request_id, caller, pending: Mutex::default() }
    }

    fn with_pending<T>(&self, work: impl FnOnce(&mut Vec<PendingEntry>) -> T) -> T {
        // Entries are valid after a panic elsewhere.
        work(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records a decision and returns its ID. A repeated decision on the same row is merged; beyond `MAX_ENTRIES`,
    /// also one on another row. No field and outcome is ever omitted: their number is bounded.
    pub fn note(&self, field: String, rule: String, outcome: &str, row: Option<String>) -> Uuid {
        self.with_pending(|pending| {
            let is_full = pending.len() >= MAX_ENTRIES;
            let same = |entry: &&mut PendingEntry| {
                let same_row = is_full || entry.rows.first() == row.as_ref();
                entry.field == field && entry.outcome == outcome && same_row
            };
            if let Some(entry) = pending.iter_mut().find(same) {
                entry.times = entry.times.saturating_add(1);
                return entry.decision_id;
            }
            let decision_id = Uuid::now_v7();
            let (outcome, rows) = (outcome.to_owned(), row.into_iter().collect());
            let (at, excess_rows, times, open) = (now(), 0, 1, false);
            pending.push(PendingEntry {
                at,
                decision_id,
                field,
                rule,
                outcome,
                rows,
                excess_rows,
                times,
                open,
            });
            decision_id
        })
    }

    /// Starts the entry of a mutation with this rule.
    pub fn start_mutation(&self, field: String, rule: String) {
        self.with_pending(|pending| {
            let (outcome, rows) = (UNFINISHED.to_owned(), Vec::new());
            let decision_id = Uuid::now_v7();
            let (at, excess_rows, times, open) = (now(), 0, 1, true);
            pending.push(PendingEntry {
                at,
                decision_id,
                field,
                rule,
                outcome,
                rows,
                excess_rows,
                times,
                open,
            });
        });
    }

    /// Adds a row ID to the running mutation.
    pub fn add_row(&self, row: String) {
        self.with_open_mutation(|entry| match entry.rows.len() {
            MAX_ROWS.. => entry.excess_rows = entry.excess_rows.saturating_add(1),
            _ if entry.rows.contains(&row) => {}
            _ => entry.rows.push(row),
        });
    }

    /// Adds a row ID to the latest entry of `field`.
    pub fn read(&self, field: &str, row: String) {
        self.with_pending(|pending| {
            let entry = pending.iter_mut().rev().find(|entry| entry.field == field);
            if let Some(entry) = entry.filter(|entry| entry.rows.len() < MAX_ROWS) {
                entry.rows.push(row);
            }
        });
    }

    /// Finishes the running mutation. Mutations of one request run serially.
    pub fn finish_mutation(&self, outcome: &str) {
        self.with_open_mutation(|entry| {
            outcome.clone_into(&mut entry.outcome);
            entry.open = false;
        });
    }

    /// Records that this rule denies the running mutation, and returns the decision ID. None in a query.
    pub(crate) fn deny_mutation(&self, rule: &str) -> Option<Uuid> {
        self.with_open_mutation(|entry| {
            rule.clone_into(&mut entry.rule);
            entry.decision_id
        })
    }

    fn with_open_mutation<T>(&self, work: impl FnOnce(&mut PendingEntry) -> T) -> Option<T> {
        self.with_pending(|pending| pending.iter_mut().rev().find(|entry| entry.open).map(work))
    }

    fn entries(&mut self) -> Vec<AuditEntry> {
        let pending = self.with_pending(std::mem::take);
        pending.into_iter().flat_map(|entry| self.one_per_row(entry)).collect()
    }

    /// Expands a pending entry to one entry per row.
    fn one_per_row(&self, pending: PendingEntry) -> Vec<AuditEntry> {
        let caller = self.caller.as_deref();
        let entry = AuditEntry {
            at: pending.at,
            decision_id: pending.decision_id,
            request_id: self.request_id.to_string(),
            caller_id: caller.map(|caller| caller.id().as_str().to_owned()),
            impersonated_by: caller.and_then(Caller::impersonated_by).map(str::to_owned),
            method: caller.map(Caller::via),
            field: pending.field,
            rule: pending.rule,
            outcome: pending.outcome,
            row_id: None,
            times: pending.times,
            client_id: caller.and_then(Caller::client_id).map(str::to_owned),
            scopes: caller.and_then(Caller::scopes).map(join_scopes),
        };
        if pending.rows.is_empty() {
            return vec![entry];
        }
        if pending.rows.len() > 1 && has_failed(&entry.outcome) {
            let rows = u32::try_from(pending.rows.len()).unwrap_or(u32::MAX);
            return vec![AuditEntry { times: rows.saturating_add(pending.excess_rows), ..entry }];
        }
        let for_row = |row| AuditEntry { row_id: Some(row), ..entry.clone() };
        pending.rows.into_iter().map(for_row).collect()
    }
}

/// Whether nothing was executed. Unknown for an interrupted mutation.
fn has_failed(outcome: &str) -> bool {
    outcome != ALLOWED && outcome != UNFINISHED
}

fn join_scopes(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

impl Drop for AuditTrail {
    fn drop(&mut self) {
        let entries = self.entries();
        if !entries.is_empty() {
            (self.sink)(entries);
        }
    }
}
