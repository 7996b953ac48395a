//! Counters of permits: one for each share that a permit or a waiter belongs to.
//!
//! A share is looked up when a permit is requested. From then on the permit and its waiter know the places of its
//! counters: each permit that is released looks at every waiter.

use std::time::{Duration, Instant};

use super::{CLASS, Class, Limits, OWN, OWN_CLASS, Share, Shares};
use crate::KeyMap;

/// The places of the counters of a permit or of a waiter.
pub(super) type Places = [Option<usize>; 8];

#[derive(Debug, Default)]
pub(super) struct Counters {
    places: KeyMap<Share, usize>,
    counters: Vec<Counter>,
    /// Places without a share.
    free: Vec<usize>,
    /// Twice the number of permits that were taken: a client that comes after one of them is before the one that got it.
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
    /// When its last permit was taken, or the first one was requested, as a number of [`Counters::taken`]. A client that
    /// comes again does not pass one that has waited since its last permit.
    last_taken: u64,
    /// When a permit of a class was released last, or the first one taken.
    last_progress: Option<Instant>,
}

impl Counter {
    fn is_full(&self) -> bool {
        self.held >= self.limit
    }

    fn waiting(&self) -> usize {
        self.users - self.held
    }
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
        let counter = Counter {
            share,
            limit: limits.of(share),
            held: 0,
            users: 1,
            last_taken: self.taken,
            last_progress: None,
        };
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
        places.iter().flatten().all(|place| !self.counters[*place].is_full())
    }

    pub(super) fn take(&mut self, places: &Places, now: Instant) {
        self.taken += 2;
        self.of_class(places, |counter| {
            if counter.held == 0 {
                counter.last_progress = Some(now);
            }
        });
        for place in places.iter().flatten() {
            let counter = &mut self.counters[*place];
            counter.held += 1;
            counter.last_taken = self.taken + 1;
        }
    }

    /// When the client of these places got its last permit, or requested the first one.
    pub(super) fn last_taken(&self, places: &Places) -> u64 {
        places[OWN].map_or(0, |place| self.counters[place].last_taken)
    }

    pub(super) fn release(&mut self, places: &Places, now: Instant) {
        self.of_class(places, |counter| counter.last_progress = Some(now));
        for place in places.iter().flatten() {
            self.counters[*place].held -= 1;
        }
    }

    /// The permits of a share that are held.
    pub(super) fn held(&self, share: Share) -> usize {
        self.places.get(&share).map_or(0, |place| self.counters[*place].held)
    }

    fn of_class(&mut self, places: &Places, change: impl FnOnce(&mut Counter)) {
        if let Some(place) = places[CLASS] {
            change(&mut self.counters[place]);
        }
    }

    /// The classes of which permits are held, and none was released for `time`.
    pub(super) fn stuck(&self, time: Duration, now: Instant) -> impl Iterator<Item = Class> {
        let is_stuck = move |counter: &&Counter| {
            let last = counter.last_progress.filter(|_| counter.held > 0);
            last.is_some_and(|last| now.saturating_duration_since(last) >= time)
        };
        let stuck = self.counters.iter().filter(is_stuck);
        stuck.filter_map(|counter| counter.share.class)
    }

    /// The waiters of a share.
    pub(super) fn waiting(&self, share: Share) -> usize {
        self.places.get(&share).map_or(0, |place| self.counters[*place].waiting())
    }

    /// The waiters of the client of these places.
    pub(super) fn waiting_of_client(&self, places: &Places) -> usize {
        places[OWN].map_or(0, |place| self.counters[place].waiting())
    }

    /// Whether the client of these places holds all that one client may.
    pub(super) fn is_own_limit_reached(&self, places: &Places) -> bool {
        let own = [places[OWN], places[OWN_CLASS]];
        own.into_iter().flatten().any(|place| self.counters[place].is_full())
    }

    /// Whether no permit and no waiter is left.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.free.len() == self.counters.len()
    }
}
