//! Failed credentials in the audit log: aggregated, because any client can cause any number of them.

use std::sync::{Mutex, PoisonError};

use crate::access::AuditEntry;

/// How many are rows of their own between two batches. Of more, equal ones are counted together.
const MAX_PER_CHECK: usize = 10;

/// What failed since the last batch. It grows by one for each check that there is, and no further.
#[derive(Default)]
pub(crate) struct FailedCredentials(Mutex<Vec<AuditEntry>>);

impl FailedCredentials {
    pub(crate) fn note(&self, failure: AuditEntry) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |other: &&mut AuditEntry| {
            (&other.field, &other.rule, &other.outcome)
                == (&failure.field, &failure.rule, &failure.outcome)
        };
        let is_busy = noted.len() >= MAX_PER_CHECK;
        match noted.iter_mut().find(same).filter(|_| is_busy) {
            Some(other) => other.times = other.times.saturating_add(1),
            None => noted.push(failure),
        }
    }

    pub(crate) fn take(&self) -> Vec<AuditEntry> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
