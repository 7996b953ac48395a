//! Failed credentials in the audit log: aggregated, because any client can cause any number of them.

use std::sync::{Mutex, PoisonError};

use crate::access::AuditEntry;

/// Failures per batch that are stored individually. Beyond, equal failures are merged and counted.
const MAX_INDIVIDUAL_FAILURES: usize = 10;

/// Failed credentials since the last batch. Bounded: beyond the limit, it has one entry per check.
#[derive(Default)]
pub(crate) struct FailedCredentials(Mutex<Vec<AuditEntry>>);

impl FailedCredentials {
    pub(crate) fn note(&self, failure: AuditEntry) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |other: &&mut AuditEntry| {
            (&other.field, &other.rule, &other.outcome)
                == (&failure.field, &failure.rule, &failure.outcome)
        };
        let is_full = pending.len() >= MAX_INDIVIDUAL_FAILURES;
        match pending.iter_mut().find(same).filter(|_| is_full) {
            Some(other) => other.times = other.times.saturating_add(1),
            None => pending.push(failure),
        }
    }

    pub(crate) fn take(&self) -> Vec<AuditEntry> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
