//! Bounded, fair queue of the audit log. Each client (a caller, or the network of anonymous callers) has a share, and
//! shares are dequeued round-robin. Privileged reads have a capacity of their own.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::metrics::Dropped;
use crate::access::{ALLOWED, AuditEntry};
use hallpass_identity::network;

/// Capacity, in events: about five megabytes.
const QUEUE_CAPACITY: usize = 8192;
/// Additional capacity for privileged reads.
const PRIVILEGED_CAPACITY: usize = 2048;
/// Maximum size of a share.
const MAX_PER_CLIENT: usize = 2048;
/// Maximum number of denials and failures in a share. Beyond, equal ones are merged.
const MAX_DENIALS_PER_CLIENT: usize = 128;
/// A caller's share below this size may use the full capacity. Larger shares, and shares of anonymous callers, may use
/// half of it.
const GUARANTEED_PER_CLIENT: usize = 32;

/// Client of a share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Client {
    Caller(String),
    Network(IpAddr),
}

/// Result of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The event is queued.
    Queued,
    /// The event was merged with an equal one in the queue.
    Merged,
    /// The event was dropped.
    Dropped(Dropped),
}

/// Queue of events to write.
#[derive(Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    privileged: Lane,
    others: Lane,
    is_closed: bool,
}

impl Queue {
    /// Pushes an event of a request from `address`. Never blocks.
    pub(super) fn push(&self, entry: AuditEntry, address: IpAddr) -> Pushed {
        let mut state = self.lock();
        if state.is_closed {
            return Pushed::Dropped(Dropped::Stopped);
        }
        let client = match &entry.caller_id {
            Some(id) => Client::Caller(id.clone()),
            None => Client::Network(network(address)),
        };
        match is_privileged_read(&entry) {
            true => state.privileged.push(client, entry, PRIVILEGED_CAPACITY),
            false => state.others.push(client, entry, QUEUE_CAPACITY),
        }
    }

    /// Dequeues up to `max` events: privileged reads first, then the shares round-robin.
    pub(super) fn take(&self, max: usize) -> Vec<AuditEntry> {
        let mut state = self.lock();
        let next = || state.privileged.pop().or_else(|| state.others.pop());
        std::iter::from_fn(next).take(max).collect()
    }

    /// Number of queued events.
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.privileged.len + state.others.len
    }

    /// Closes the queue for new events.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the event is a read allowed by a role or permission: only such reads are audited when allowed.
fn is_privileged_read(entry: &AuditEntry) -> bool {
    entry.outcome == ALLOWED && !entry.field.starts_with("Mutation.")
}

/// Shares that are dequeued round-robin.
#[derive(Default)]
struct Lane {
    shares: HashMap<Client, Share>,
    order: VecDeque<Client>,
    len: usize,
}

#[derive(Default)]
struct Share {
    events: VecDeque<AuditEntry>,
    failed: usize,
}

impl Lane {
    fn push(&mut self, client: Client, entry: AuditEntry, capacity: usize) -> Pushed {
        let is_caller = matches!(client, Client::Caller(_));
        let (queued, failed) =
            self.shares.get(&client).map_or((0, 0), |share| (share.events.len(), share.failed));
        let has_failed = entry.outcome != ALLOWED;
        let limit =
            if is_caller && queued < GUARANTEED_PER_CLIENT { capacity } else { capacity / 2 };
        let is_full = self.len >= limit;
        let is_over = queued >= MAX_PER_CLIENT || has_failed && failed >= MAX_DENIALS_PER_CLIENT;
        if is_full || is_over {
            let merged = self.shares.get_mut(&client).is_some_and(|share| share.merge(&entry));
            let reason = if is_full { Dropped::Full } else { Dropped::Share };
            return if merged { Pushed::Merged } else { Pushed::Dropped(reason) };
        }
        if queued == 0 {
            self.order.push_back(client.clone());
        }
        let share = self.shares.entry(client).or_default();
        share.failed += usize::from(has_failed);
        share.events.push_back(entry);
        self.len += 1;
        Pushed::Queued
    }

    fn pop(&mut self) -> Option<AuditEntry> {
        let client = self.order.pop_front()?;
        let share = self.shares.get_mut(&client)?;
        let entry = share.events.pop_front()?;
        share.failed -= usize::from(entry.outcome != ALLOWED);
        self.len -= 1;
        if share.events.is_empty() {
            self.shares.remove(&client);
        } else {
            self.order.push_back(client);
        }
        Some(entry)
    }
}

impl Share {
    /// Merges `entry` with the latest equal event. Clears the row ID if the rows differ.
    fn merge(&mut self, entry: &AuditEntry) -> bool {
        let same = |other: &&mut AuditEntry| {
            (&other.field, &other.rule, &other.outcome)
                == (&entry.field, &entry.rule, &entry.outcome)
        };
        let Some(other) = self.events.iter_mut().rev().find(same) else { return false };
        other.times = other.times.saturating_add(entry.times);
        if other.row_id != entry.row_id {
            other.row_id = None;
        }
        true
    }
}
