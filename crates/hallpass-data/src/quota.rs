//! Row quota per owner and table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::UserId;

/// How many pairs of owner and table are cached: some two megabytes.
const CACHE_CAPACITY: usize = 10_000;
/// How many rows may be written before they are counted again: other nodes write too.
const RESERVE_STEP: u64 = 1000;

/// Rows that may be written before the next count, by owner and table.
type Reserve = HashMap<(String, &'static str), u64>;

/// The row quota of a database. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Quota {
    limit: Option<u64>,
    reserve: Arc<Mutex<Reserve>>,
}

impl Quota {
    /// At most this many rows; none is unlimited.
    pub(crate) fn of(limit: Option<u64>) -> Self {
        Self { limit, reserve: Arc::default() }
    }

    /// The maximum number of rows.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Takes one row from the reserve; false when it is used up.
    pub(crate) fn take(&self, owner: &UserId, table: &'static str) -> bool {
        let key = (owner.as_str().to_owned(), table);
        match self.reserve().get_mut(&key) {
            Some(reserve) if *reserve > 0 => {
                *reserve -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Records that `left` more rows are allowed; half of them form the reserve until the next count.
    pub(crate) fn counted(&self, owner: &UserId, table: &'static str, left: u64) {
        let mut reserve = self.reserve();
        if reserve.len() >= CACHE_CAPACITY {
            reserve.clear();
        }
        reserve.insert((owner.as_str().to_owned(), table), (left / 2).min(RESERVE_STEP));
    }

    /// Clears the reserve of `owner`, whose rows are counted before the next one is written.
    pub(crate) fn forget(&self, owner: &UserId) {
        self.reserve().retain(|(other, _), _| other != owner.as_str());
    }

    fn reserve(&self) -> MutexGuard<'_, Reserve> {
        self.reserve.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
