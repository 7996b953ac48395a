//! The lines that wait to be written, shared fairly: each caller, and each network of callers who are not
//! signed in, has a share, and the shares are written in turn. What administrators read has room of its own.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::metrics::Dropped;
use crate::access::{ALLOWED, AuditEntry};
use crate::identity::network;

/// How many lines wait to be written: some five megabytes.
const QUEUE_CAPACITY: usize = 8192;
/// How many lines about privileged reads wait besides.
const PRIVILEGED_CAPACITY: usize = 2048;
/// How many lines of one share wait at most.
const MAX_PER_CLIENT: usize = 2048;
/// How many of these are about what was refused or failed. Equal ones beyond that are counted together.
const MAX_DENIALS_PER_CLIENT: usize = 128;
/// A share with fewer lines than this finds room for as long as there is any; a larger one, and that of
/// callers who are not signed in, only while less than half is taken.
const GUARANTEED_PER_CLIENT: usize = 32;

/// Whose share it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Caller(String),
    Network(IpAddr),
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits.
    Queued,
    /// It was counted with an equal one that waits.
    Merged,
    /// There was no room.
    Dropped(Dropped),
}

/// The lines that wait.
#[derive(Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    privileged: Lane,
    others: Lane,
    is_closed: bool,
}

impl Queue {
    /// Adds a line of a request from `address`. Never waits.
    pub(super) fn push(&self, entry: AuditEntry, address: IpAddr) -> Pushed {
        let mut state = self.lock();
        if state.is_closed {
            return Pushed::Dropped(Dropped::Stopped);
        }
        let owner = match &entry.caller_id {
            Some(id) => Owner::Caller(id.clone()),
            None => Owner::Network(network(address)),
        };
        match is_privileged_read(&entry) {
            true => state.privileged.push(owner, entry, PRIVILEGED_CAPACITY),
            false => state.others.push(owner, entry, QUEUE_CAPACITY),
        }
    }

    /// Takes up to `most` lines: privileged reads first, then one of each share in turn.
    pub(super) fn take(&self, most: usize) -> Vec<AuditEntry> {
        let mut state = self.lock();
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(entry) = state.next()
        {
            taken.push(entry);
        }
        taken
    }

    /// How many lines wait.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Takes no more lines. Answers how many wait.
    pub(super) fn close(&self) -> usize {
        let mut state = self.lock();
        state.is_closed = true;
        state.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn len(&self) -> usize {
        self.privileged.len + self.others.len
    }

    fn next(&mut self) -> Option<AuditEntry> {
        self.privileged.pop().or_else(|| self.others.pop())
    }
}

/// Reads allowed by a role or permission: of reads, only those are recorded when allowed.
fn is_privileged_read(entry: &AuditEntry) -> bool {
    entry.outcome == ALLOWED && !entry.field.starts_with("Mutation.")
}

/// Shares that are served in turn.
#[derive(Default)]
struct Lane {
    shares: HashMap<Owner, Share>,
    turns: VecDeque<Owner>,
    len: usize,
}

#[derive(Default)]
struct Share {
    lines: VecDeque<AuditEntry>,
    failed: usize,
}

impl Lane {
    fn push(&mut self, owner: Owner, entry: AuditEntry, capacity: usize) -> Pushed {
        let is_caller = matches!(owner, Owner::Caller(_));
        let (lines, failed) =
            self.shares.get(&owner).map_or((0, 0), |share| (share.lines.len(), share.failed));
        let has_failed = entry.outcome != ALLOWED;
        let room = if is_caller && lines < GUARANTEED_PER_CLIENT { capacity } else { capacity / 2 };
        let is_full = self.len >= room;
        let is_over = lines >= MAX_PER_CLIENT || has_failed && failed >= MAX_DENIALS_PER_CLIENT;
        if is_full || is_over {
            let merged = self.shares.get_mut(&owner).is_some_and(|share| share.merge(&entry));
            let reason = if is_full { Dropped::Full } else { Dropped::Share };
            return if merged { Pushed::Merged } else { Pushed::Dropped(reason) };
        }
        if lines == 0 {
            self.turns.push_back(owner.clone());
        }
        let share = self.shares.entry(owner).or_default();
        share.failed += usize::from(has_failed);
        share.lines.push_back(entry);
        self.len += 1;
        Pushed::Queued
    }

    fn pop(&mut self) -> Option<AuditEntry> {
        let owner = self.turns.pop_front()?;
        let share = self.shares.get_mut(&owner)?;
        let entry = share.lines.pop_front()?;
        share.failed -= usize::from(entry.outcome != ALLOWED);
        self.len -= 1;
        if share.lines.is_empty() {
            self.shares.remove(&owner);
        } else {
            self.turns.push_back(owner);
        }
        Some(entry)
    }
}

impl Share {
    /// Counts `entry` with the last line that says the same; about a row only where it is the same row.
    fn merge(&mut self, entry: &AuditEntry) -> bool {
        let same = |other: &&mut AuditEntry| {
            (&other.field, &other.rule, &other.outcome)
                == (&entry.field, &entry.rule, &entry.outcome)
        };
        let Some(other) = self.lines.iter_mut().rev().find(same) else { return false };
        other.times = other.times.saturating_add(entry.times);
        if other.row_id != entry.row_id {
            other.row_id = None;
        }
        true
    }
}
