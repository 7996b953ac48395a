//! What is kept of a request for the audit: refusals, privileged reads, mutations. Collected while the
//! request runs, handed on in one piece when it ends, however it ends.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hallpass_entity::{Timestamp, now};
use uuid::Uuid;

use crate::identity::{AuthMethod, Caller};

/// How many notes of one request tell rows apart. Each counts how often it happened.
const MAX_ENTRIES: usize = 64;
/// How many rows are kept of one mutation: as many as it may change. One that names more is refused.
/// Of one that is refused or fails, no rows are kept where it names several: they may be made up.
const MAX_ROWS: usize = 100;

/// The outcome of what was allowed and done.
pub const ALLOWED: &str = "ALLOWED";
/// The outcome of a mutation that the request's end cut off.
const UNFINISHED: &str = "UNFINISHED";

/// One line of the audit: who did what, under which rule, and how it ended. No token and no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// The decision's id, as `extensions.decisionId` of a refusal tells it.
    pub decision_id: Uuid,
    /// The request's id, as the log and the `X-Request-Id` header tell it.
    pub request_id: String,
    /// The caller's id; none when no caller is signed in.
    pub caller_id: Option<String>,
    /// The id of the administrator who acted as the caller.
    pub impersonated_by: Option<String>,
    /// The kind of credential.
    pub method: Option<AuthMethod>,
    /// `Type.field`, or `authentication`.
    pub field: String,
    /// The rule's name, or the check that a credential failed.
    pub rule: String,
    /// [`ALLOWED`], or the code of the error.
    pub outcome: String,
    /// The global id of the row, where it is about one, or what [`row_of_user`](hallpass_entity::audit::row_of_user)
    /// makes of a user's.
    pub row_id: Option<String>,
    /// How often, within this request; of a mutation that failed, how many rows it named.
    pub times: u32,
    /// The id of the OAuth client that acted for the caller.
    pub client_id: Option<String>,
    /// What the client was granted, separated by spaces; none where no client acted.
    pub scopes: Option<String>,
}

/// Takes entries, without waiting.
pub type AuditSink = Arc<dyn Fn(Vec<AuditEntry>) + Send + Sync>;

/// Who is on the trail.
pub struct AuditTrail {
    ledger: AuditSink,
    request_id: String,
    caller: Option<Arc<Caller>>,
    notes: Mutex<Vec<PendingEntry>>,
}

struct PendingEntry {
    at: Timestamp,
    decision_id: Uuid,
    field: String,
    rule: String,
    outcome: String,
    rows: Vec<String>,
    /// How many rows were named beyond those.
    unkept: u32,
    times: u32,
    /// Whether it is the mutation under way.
    open: bool,
}

impl AuditTrail {
    /// The trail of one request.
    #[must_use]
    pub fn new(ledger: AuditSink, request_id: String, caller: Option<Arc<Caller>>) -> Self {
        Self { ledger, request_id, caller, notes: Mutex::default() }
    }

    fn with_notes<T>(&self, work: impl FnOnce(&mut Vec<PendingEntry>) -> T) -> T {
        // A panic elsewhere leaves the notes as they are, which is what is wanted of them.
        work(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes how a rule was decided. The same again about one row is the same decision; where a request has
    /// too many, so is the same about another row. What happened at a field is never left out: of fields and
    /// outcomes there are only so many.
    pub fn note(&self, field: String, rule: String, outcome: &str, row: Option<String>) -> Uuid {
        self.with_notes(|notes| {
            let is_full = notes.len() >= MAX_ENTRIES;
            let same = |note: &&mut PendingEntry| {
                let same_row = is_full || note.rows.first() == row.as_ref();
                note.field == field && note.outcome == outcome && same_row
            };
            if let Some(note) = notes.iter_mut().find(same) {
                note.times = note.times.saturating_add(1);
                return note.decision_id;
            }
            let decision_id = Uuid::now_v7();
            let (outcome, rows) = (outcome.to_owned(), row.into_iter().collect());
            let (at, unkept, times, open) = (now(), 0, 1, false);
            notes.push(PendingEntry {
                at,
                decision_id,
                field,
                rule,
                outcome,
                rows,
                unkept,
                times,
                open,
            });
            decision_id
        })
    }

    /// A mutation begins, which states this rule.
    pub fn start_mutation(&self, field: String, rule: String) {
        self.with_notes(|notes| {
            let (outcome, rows) = (UNFINISHED.to_owned(), Vec::new());
            let decision_id = Uuid::now_v7();
            let (at, unkept, times, open) = (now(), 0, 1, true);
            notes.push(PendingEntry {
                at,
                decision_id,
                field,
                rule,
                outcome,
                rows,
                unkept,
                times,
                open,
            });
        });
    }

    /// The mutation under way is about this row.
    pub fn add_row(&self, row: String) {
        self.mark_interrupted(|note| match note.rows.len() {
            MAX_ROWS.. => note.unkept = note.unkept.saturating_add(1),
            _ if note.rows.contains(&row) => {}
            _ => note.rows.push(row),
        });
    }

    /// What was read at `field` is about this row.
    pub fn read(&self, field: &str, row: String) {
        self.with_notes(|notes| {
            let note = notes.iter_mut().rev().find(|note| note.field == field);
            if let Some(note) = note.filter(|note| note.rows.len() < MAX_ROWS) {
                note.rows.push(row);
            }
        });
    }

    /// The mutation under way ended. Mutations of one request run one after the other.
    pub fn finish_mutation(&self, outcome: &str) {
        self.mark_interrupted(|note| {
            outcome.clone_into(&mut note.outcome);
            note.open = false;
        });
    }

    /// The mutation under way is refused by this rule, which its end says. None is under way in a query.
    pub(crate) fn refuse(&self, rule: &str) -> Option<Uuid> {
        self.mark_interrupted(|note| {
            rule.clone_into(&mut note.rule);
            note.decision_id
        })
    }

    fn mark_interrupted<T>(&self, work: impl FnOnce(&mut PendingEntry) -> T) -> Option<T> {
        self.with_notes(|notes| notes.iter_mut().rev().find(|note| note.open).map(work))
    }

    fn entries(&mut self) -> Vec<AuditEntry> {
        let notes = self.with_notes(std::mem::take);
        notes.into_iter().flat_map(|note| self.one_per_row(note)).collect()
    }

    /// An entry for each row.
    fn one_per_row(&self, note: PendingEntry) -> Vec<AuditEntry> {
        let caller = self.caller.as_deref();
        let entry = AuditEntry {
            at: note.at,
            decision_id: note.decision_id,
            request_id: self.request_id.clone(),
            caller_id: caller.map(|caller| caller.id().as_str().to_owned()),
            impersonated_by: caller.and_then(Caller::impersonated_by).map(str::to_owned),
            method: caller.map(Caller::via),
            field: note.field,
            rule: note.rule,
            outcome: note.outcome,
            row_id: None,
            times: note.times,
            client_id: caller.and_then(Caller::client_id).map(str::to_owned),
            scopes: caller.and_then(Caller::scopes).map(joined),
        };
        if note.rows.is_empty() {
            return vec![entry];
        }
        if note.rows.len() > 1 && has_failed(&entry.outcome) {
            let rows = u32::try_from(note.rows.len()).unwrap_or(u32::MAX);
            return vec![AuditEntry { times: rows.saturating_add(note.unkept), ..entry }];
        }
        let about = |row| AuditEntry { row_id: Some(row), ..entry.clone() };
        note.rows.into_iter().map(about).collect()
    }
}

/// Whether nothing was done. Of what was cut off, that is not known.
fn has_failed(outcome: &str) -> bool {
    outcome != ALLOWED && outcome != UNFINISHED
}

fn joined(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

impl Drop for AuditTrail {
    fn drop(&mut self) {
        let entries = self.entries();
        if !entries.is_empty() {
            (self.ledger)(entries);
        }
    }
}
