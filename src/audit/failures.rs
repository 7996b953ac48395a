//! Credentials that failed: many more may come than are ever read, and from any client.

use std::sync::{Mutex, PoisonError};

use crate::access::Entry;

/// How many are rows of their own between two batches. Of more, equal ones are counted together.
const EACH: usize = 10;

/// What failed since the last batch. It grows by one for each check that there is, and no further.
#[derive(Default)]
pub(super) struct Failures(Mutex<Vec<Entry>>);

impl Failures {
    pub(super) fn note(&self, failure: Entry) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |other: &&mut Entry| {
            (&other.field, &other.rule, &other.outcome)
                == (&failure.field, &failure.rule, &failure.outcome)
        };
        let is_busy = noted.len() >= EACH;
        match noted.iter_mut().find(same).filter(|_| is_busy) {
            Some(other) => other.times = other.times.saturating_add(1),
            None => noted.push(failure),
        }
    }

    pub(super) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
