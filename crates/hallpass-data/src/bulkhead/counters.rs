//! Counters of permits: one for each share that a permit or a waiter belongs to.
//!
//! A share is looked up when a permit is requested. From then on the permit and its waiter know the places of its
//! counters: each permit that is released looks at every waiter.

use super::{Limits, OWN, Share, Shares};
use crate::KeyMap;

/// The places of the counters of a permit or of a waiter.
pub(super) type Places = [Option<usize>; 8];

#[derive(Debug, Default)]
pub(super) struct Counters {
    places: KeyMap<Share, usize>,
    counters: Vec<Counter>,
    /// Places without a share.
    free: Vec<usize>,
    /// How many permits were taken.
    taken: u64,
}

#[derive(Debug)]
struct Counter {
    share: Share,
    limit: usize,
    /// The permits that are held.
    held: usize,
    /// The permits and waiters that know this place.
    users: usize,
    /// When its last permit was taken, as a number of [`Counters::taken`].
    last_taken: u64,
}

impl Counters {
    /// The places of these shares, which stay theirs until [`leave`](Self::leave).
    pub(super) fn join(&mut self, shares: &Shares, limits: Limits) -> Places {
        shares.map(|share| share.map(|share| self.join_one(share, limits)))
    }

    fn join_one(&mut self, share: Share, limits: Limits) -> usize {
        if let Some(place) = self.places.get(&share) {
            self.counters[*place].users += 1;
            return *place;
        }
        let counter = Counter { share, limit: limits.of(share), held: 0, users: 1, last_taken: 0 };
        let place = match self.free.pop() {
            Some(place) => {
                self.counters[place] = counter;
                place
            }
            None => {
                self.counters.push(counter);
                self.counters.len() - 1
            }
        };
        self.places.insert(share, place);
        place
    }

    /// Gives up these places.
    pub(super) fn leave(&mut self, places: &Places) {
        for place in places.iter().flatten() {
            let counter = &mut self.counters[*place];
            counter.users -= 1;
            if counter.users == 0 {
                self.places.remove(&counter.share);
                self.free.push(*place);
            }
        }
    }

    /// Whether each share has a permit left.
    pub(super) fn have_capacity(&self, places: &Places) -> bool {
        places.iter().flatten().all(|place| {
            let counter = &self.counters[*place];
            counter.held < counter.limit
        })
    }

    pub(super) fn take(&mut self, places: &Places) {
        self.taken += 1;
        for place in places.iter().flatten() {
            let counter = &mut self.counters[*place];
            counter.held += 1;
            counter.last_taken = self.taken;
        }
    }

    /// When the client of these places got its last permit, of those that hold or wait. 0 if it got none.
    pub(super) fn last_taken(&self, places: &Places) -> u64 {
        places[OWN].map_or(0, |place| self.counters[place].last_taken)
    }

    pub(super) fn release(&mut self, places: &Places) {
        for place in places.iter().flatten() {
            self.counters[*place].held -= 1;
        }
    }

    /// The permits of a share that are held.
    pub(super) fn held(&self, share: Share) -> usize {
        self.places.get(&share).map_or(0, |place| self.counters[*place].held)
    }

    /// Whether no permit and no waiter is left.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.free.len() == self.counters.len()
    }
}
