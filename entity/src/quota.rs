//! Row quota per owner and table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::UserId;

/// How many owners and tables are remembered: some two megabytes.
const CACHE_CAPACITY: usize = 10_000;
/// How many rows may be written before they are counted again. Other nodes write too.
const RESERVE_STEP: u64 = 1000;

/// Room that was counted, by owner and table.
type Room = HashMap<(String, &'static str), u64>;

/// The quota of a database. Every clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Quota {
    most: Option<u64>,
    room: Arc<Mutex<Room>>,
}

impl Quota {
    /// At most so many; none is without end.
    pub(crate) fn of(most: Option<u64>) -> Self {
        Self { most, room: Arc::default() }
    }

    /// How many rows there may be.
    pub(crate) fn most(&self) -> Option<u64> {
        self.most
    }

    /// Takes the room of one row from what was counted; false where that is used up.
    pub(crate) fn take(&self, owner: &UserId, table: &'static str) -> bool {
        let key = (owner.as_str().to_owned(), table);
        match self.room().get_mut(&key) {
            Some(room) if *room > 0 => {
                *room -= 1;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Remembers that there is room for so many rows; half of it is given out before the next count.
    pub(crate) fn counted(&self, owner: &UserId, table: &'static str, left: u64) {
        let mut room = self.room();
        if room.len() >= CACHE_CAPACITY {
            room.clear();
        }
        room.insert((owner.as_str().to_owned(), table), (left / 2).min(RESERVE_STEP));
    }

    /// Forgets what was counted of `owner`, whose rows are counted before the next one is written.
    pub(crate) fn forget(&self, owner: &UserId) {
        self.room().retain(|(other, _), _| other != owner.as_str());
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
