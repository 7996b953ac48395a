//! Bulkhead for database connections: shares the pool between clients, with fair queueing.
//!
//! A [`Permit`] is the right to hold one connection. It is granted when every share that it belongs to is
//! below its limit, all at the same moment: no waiter holds a partial permit. Of the waiters, the client
//! that was served longest ago comes first, so a client with many requests waits behind its own work and
//! does not delay others.
//!
//! It cannot deadlock. A statement holds one permit, and waits for nothing while it does. A transaction may
//! be held by a request that needs one more connection; transactions therefore never fill a share of more
//! than one connection, and the rest of it goes to statements, which end.

mod counters;
mod queue;

use std::collections::HashSet;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use counters::{Counters, Places};
use tokio::sync::oneshot;

use crate::queue_time::QueueTimes;

/// How long to wait for a connection before the database is reported as unavailable.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// The client that a connection is acquired for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// A signed-in caller, by id.
    Caller(Arc<str>),
    /// The anonymous callers of one address.
    Anonymous(IpAddr),
    /// Background work of the server itself.
    Server,
}

/// The kind of work that a connection is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    class: Class,
    writes: bool,
}

/// Work that one lock can block: the statements on one table, or transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Class(u64);

impl Work {
    /// One statement. Its table is parsed from the SQL that SeaORM generates.
    pub(crate) fn of(sql: &str) -> Self {
        let tables: &[&str] = match sql.split(' ').next() {
            Some("SELECT" | "DELETE") => &["FROM \""],
            Some("INSERT") => &["INTO \""],
            _ => &["FROM \"", "INTO \"", "UPDATE \""],
        };
        let find = |before: &str| memchr::memmem::find(sql.as_bytes(), before.as_bytes());
        let names = tables.iter().filter_map(|before| Some(find(before)? + before.len()));
        let table = names.min().and_then(|start| sql[start..].split('"').next());
        let may_change = || ["INSERT", "UPDATE", "DELETE"].iter().any(|verb| sql.contains(verb));
        let reads = sql.starts_with("SELECT") || (sql.starts_with("WITH") && !may_change());
        Self { class: Class::named(table.unwrap_or_default()), writes: !reads }
    }

    /// Whether it may write.
    pub(crate) fn writes(self) -> bool {
        self.writes
    }

    /// A transaction.
    pub(crate) fn transaction() -> Self {
        Self { class: Class::named("(transactions)"), writes: true }
    }
}

impl Class {
    fn named(name: &str) -> Self {
        Self(BuildHasherDefault::<DefaultHasher>::new().hash_one(name))
    }
}

/// How many times longer background work waits: no caller waits for it.
const SERVER_TIMEOUT_FACTOR: u32 = 5;

/// Permits that have a limit together. Clients are hashed, so that a share is copied and compared fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Group {
    All,
    /// All callers: leaves a connection for background work.
    Callers,
    /// All anonymous callers: leaves connections for signed-in callers.
    Anonymous,
    /// One signed-in caller.
    Caller(ClientHash),
    /// The anonymous callers of one address, or the server's background work.
    Other(ClientHash),
    /// All writers, if the database has one writer at a time.
    Writers,
}

/// A keyed hash of a [`Client`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ClientHash(u64);

/// A group of permits, or its permits for the work of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Share {
    group: Group,
    class: Option<Class>,
}

/// The shares that a permit belongs to: at most four groups, the class in three of them, and the writers.
type Shares = [Option<Share>; 8];

/// The index of the share that is all of one client's permits.
const OWN: usize = 1;
/// The index of the share that is all permits for a class.
const CLASS: usize = 4;
/// The index of the share that is one client's permits for a class.
const OWN_CLASS: usize = 5;

/// The number of permits, in total and per share.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    one_writer: bool,
}

impl Limits {
    /// The limit of a share, at least one.
    fn of(self, share: Share) -> usize {
        let all = self.connections;
        let limit = match (share.group, share.class) {
            (Group::All, Some(_)) => all / 2 + all / 8,
            (_, Some(_)) => self.of_group(share.group).saturating_sub(1),
            (_, None) => self.of_group(share.group),
        };
        limit.max(1)
    }

    fn of_group(self, group: Group) -> usize {
        let all = self.connections;
        let limit = match group {
            Group::All => all,
            Group::Callers if all > 2 => all - 1,
            Group::Callers => all,
            Group::Anonymous => all / 2,
            // One for a transaction, and one outside of it.
            Group::Caller(_) => (all / 2).max(all.min(2)),
            Group::Other(_) => all / 4,
            Group::Writers => 1,
        };
        limit.max(1)
    }

    /// The shares that a permit belongs to.
    fn shares(self, client: &Client, hash: ClientHash, work: Work) -> Shares {
        let (own, callers, anonymous) = match client {
            Client::Caller(_) => (Group::Caller(hash), Some(Group::Callers), None),
            Client::Anonymous(_) => {
                (Group::Other(hash), Some(Group::Callers), Some(Group::Anonymous))
            }
            Client::Server => (Group::Other(hash), None, None),
        };
        let whole = |group| Share { group, class: None };
        let of_class = |group| Share { group, class: Some(work.class) };
        [
            Some(whole(Group::All)),
            Some(whole(own)),
            callers.map(whole),
            anonymous.map(whole),
            Some(of_class(Group::All)),
            Some(of_class(own)),
            anonymous.map(of_class),
            (self.one_writer && work.writes).then(|| whole(Group::Writers)),
        ]
    }
}

/// The permits of one pool.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    limits: Limits,
    /// How long to wait for a permit.
    timeout: Duration,
    /// Hashes clients.
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counters: Counters,
    /// The queue, in the order of arrival.
    waiting: Vec<Waiter>,
    times: QueueTimes,
    /// The classes whose last statement was slow: most likely, one waited for a lock.
    blocked: HashSet<Class>,
}

#[derive(Debug)]
struct Waiter {
    client: Client,
    class: Class,
    places: Places,
    granted: oneshot::Sender<Permit>,
}

/// The right to hold one connection, released on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    bulkhead: Arc<Bulkhead>,
    client: Client,
    class: Class,
    places: Places,
    since: Instant,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let since = Instant::now();
        let mut state = self.bulkhead.state();
        state.counters.release(&self.places, since);
        state.counters.leave(&self.places);
        state.served(&self.client, self.class, since.saturating_duration_since(self.since));
        let granted = state.grant_waiting(since);
        drop(state);
        // Sent after unlocking: the permit of a waiter that is gone is dropped, which locks again.
        for Waiter { client, class, places, granted } in granted {
            let bulkhead = Arc::clone(&self.bulkhead);
            let _ = granted.send(Permit { bulkhead, client, class, places, since });
        }
    }
}

impl Bulkhead {
    /// For a pool of this many connections, of which only one writes at a time with `one_writer`. Waiting
    /// for a permit ends after `timeout`.
    pub(crate) fn new(connections: u32, one_writer: bool, timeout: Duration) -> Arc<Self> {
        let limits = Limits { connections: connections as usize, one_writer };
        let hasher = RandomState::new();
        Arc::new(Self { limits, timeout, hasher, state: Mutex::default() })
    }

    /// Waits for a permit; none after the timeout.
    pub(crate) async fn acquire(self: &Arc<Self>, client: &Client, work: Work) -> Option<Permit> {
        let hash = ClientHash(self.hasher.hash_one(client));
        let (shares, class) = (self.limits.shares(client, hash, work), work.class);
        let waiting = {
            let mut state = self.state();
            let places = state.counters.join(&shares, self.limits);
            if state.counters.have_capacity(&places) {
                let since = Instant::now();
                state.counters.take(&places, since);
                state.times.granted(client, false);
                let (bulkhead, client) = (Arc::clone(self), client.clone());
                return Some(Permit { bulkhead, client, class, places, since });
            }
            let (granted, waiting) = oneshot::channel();
            let client = client.clone();
            state.waiting.push(Waiter { client, class, places, granted });
            waiting
        };
        let timeout = match client {
            Client::Caller(_) | Client::Anonymous(_) => self.timeout,
            Client::Server => self.timeout * SERVER_TIMEOUT_FACTOR,
        };
        tokio::time::timeout(timeout, waiting).await.ok()?.ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes permits for all waiters that can have one now.
    fn grant_waiting(&mut self, now: Instant) -> Vec<Waiter> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        for waiter in self.waiting.extract_if(.., |waiter| waiter.granted.is_closed()) {
            self.counters.leave(&waiter.places);
        }
        std::iter::from_fn(|| self.next(now)).collect()
    }

    /// The next waiter, of those whose shares have capacity. Its permit is taken.
    fn next(&mut self, now: Instant) -> Option<Waiter> {
        let ready = self.waiting.iter().enumerate();
        let ready = ready.filter(|(_, waiter)| self.counters.have_capacity(&waiter.places));
        let last_served = |waiter: &Waiter| self.counters.last_taken(&waiter.places);
        let (at, _) = ready.min_by_key(|(_, waiter)| last_served(waiter))?;
        let waiter = self.waiting.remove(at);
        self.counters.take(&waiter.places, now);
        self.times.granted(&waiter.client, true);
        Some(waiter)
    }
}

#[cfg(test)]
mod tests;
