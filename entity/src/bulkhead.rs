//! Shares the connections of the pool between callers (a bulkhead with fair queueing).
//!
//! A [`Permit`] is the right to hold one connection. It is granted when every share that it counts in has
//! room, all of them at the same moment: no waiter holds a part of a permit. Of the waiters, the client that
//! was served longest ago comes first, so a client that asks for much waits behind its own work and not in
//! front of others.
//!
//! It cannot deadlock. A statement holds one permit, and waits for nothing while it does. A transaction may
//! be held by a request that asks for one more connection; transactions therefore never fill a share of more
//! than one connection, and what is left of it goes to statements, which end.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Who shares one part of the connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// A signed-in caller, by id.
    Caller(Arc<str>),
    /// The anonymous callers of one address.
    Anonymous(IpAddr),
    /// The server's own work beside the requests.
    Server,
}

/// What a connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    class: Class,
    writes: bool,
}

/// Work that one lock holds up: the statements on one table, or transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Class(u64);

impl Work {
    /// One statement. What it works on is read from its text, as SeaORM writes it.
    pub(crate) fn of(sql: &str) -> Self {
        let tables = ["FROM \"", "INTO \"", "UPDATE \""];
        let names = tables.iter().filter_map(|before| Some(sql.find(before)? + before.len()));
        let table = names.min().and_then(|start| sql[start..].split('"').next());
        let reads = ["SELECT", "WITH"].iter().any(|verb| sql.starts_with(verb));
        Self { class: Class::named(table.unwrap_or_default()), writes: !reads }
    }

    /// Several statements that happen together.
    pub(crate) fn transaction() -> Self {
        Self { class: Class::named("(transactions)"), writes: true }
    }
}

impl Class {
    fn named(name: &str) -> Self {
        Self(std::hash::BuildHasher::hash_one(&BuildHasherDefault::<DefaultHasher>::new(), name))
    }
}

/// How many times as long the server's own work waits: no caller waits for it.
const SERVER_TIMEOUT_FACTOR: u32 = 5;

/// What permits are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Share {
    All,
    /// Every caller, so that the server's own work finds a connection.
    Callers,
    /// Every anonymous caller, so that signed-in callers find a connection.
    Anonymous,
    One(Client),
    /// Every writer, where the database has one at a time.
    Writers,
    /// The work of one class in another share.
    Class(Class, Box<Share>),
}

/// How many permits there are, and for whom.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    one_writer: bool,
}

impl Limits {
    /// How many permits a share has. None is without a permit.
    fn of(self, share: &Share) -> usize {
        let all = self.connections;
        let limit = match share {
            Share::All => all,
            Share::Callers if all > 2 => all - 1,
            Share::Callers => all,
            Share::Anonymous => all / 2,
            // One for a transaction, and one beside it.
            Share::One(Client::Caller(_)) => (all / 2).max(all.min(2)),
            Share::One(Client::Anonymous(_) | Client::Server) => all / 4,
            Share::Writers => 1,
            Share::Class(_, whole) => match **whole {
                Share::All => all / 2 + all / 8,
                _ => self.of(whole).saturating_sub(1),
            },
        };
        limit.max(1)
    }

    /// The shares that a permit counts in.
    fn shares(self, client: &Client, work: Work) -> Vec<Share> {
        let mut shares = vec![Share::All, Share::One(client.clone())];
        match client {
            Client::Caller(_) => shares.push(Share::Callers),
            Client::Anonymous(_) => shares.extend([Share::Callers, Share::Anonymous]),
            Client::Server => {}
        }
        let classes = shares.clone().into_iter().filter(|share| *share != Share::Callers);
        shares.extend(classes.map(|share| Share::Class(work.class, Box::new(share))));
        if self.one_writer && work.writes {
            shares.push(Share::Writers);
        }
        shares
    }
}

/// The permits of one pool.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    limits: Limits,
    /// How long a permit is waited for.
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<Share, usize>,
    /// When clients were served last, of those that hold or wait.
    served: HashMap<Client, u64>,
    /// Who waits, in the order of arrival.
    waiting: Vec<Waiter>,
    turn: u64,
}

#[derive(Debug)]
struct Waiter {
    client: Client,
    shares: Vec<Share>,
    granted: oneshot::Sender<Permit>,
}

/// The right to hold one connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    bulkhead: Arc<Bulkhead>,
    client: Client,
    shares: Vec<Share>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.bulkhead.state().release(&self.client, &self.shares);
        Bulkhead::serve(&self.bulkhead);
    }
}

impl Bulkhead {
    /// For a pool of so many connections, of which one writes at a time with `one_writer`. A permit is
    /// waited for as long as `patience`.
    pub(crate) fn new(connections: u32, one_writer: bool, patience: Duration) -> Arc<Self> {
        let limits = Limits { connections: connections as usize, one_writer };
        Arc::new(Self { limits, patience, state: Mutex::default() })
    }

    /// Waits for a permit; none when it took too long.
    pub(crate) async fn acquire(self: &Arc<Self>, client: &Client, work: Work) -> Option<Permit> {
        let shares = self.limits.shares(client, work);
        let waiting = {
            let mut state = self.state();
            if state.has_room(self.limits, &shares) {
                state.take(client, &shares);
                let (bulkhead, client) = (Arc::clone(self), client.clone());
                return Some(Permit { bulkhead, client, shares });
            }
            let (granted, waiting) = oneshot::channel();
            state.waiting.push(Waiter { client: client.clone(), shares, granted });
            waiting
        };
        let patience = match client {
            Client::Caller(_) | Client::Anonymous(_) => self.patience,
            Client::Server => self.patience * SERVER_TIMEOUT_FACTOR,
        };
        tokio::time::timeout(patience, waiting).await.ok()?.ok()
    }

    /// Grants what can be granted now.
    fn serve(this: &Arc<Self>) {
        // A waiter that is gone gives its permit back, which takes the lock again.
        let granted: Vec<_> = {
            let mut state = this.state();
            state.waiting.retain(|waiter| !waiter.granted.is_closed());
            std::iter::from_fn(|| state.next(this.limits)).collect()
        };
        for Waiter { client, shares, granted } in granted {
            let _ = granted.send(Permit { bulkhead: Arc::clone(this), client, shares });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, limits: Limits, shares: &[Share]) -> bool {
        let held = |share| self.held.get(share).copied().unwrap_or_default();
        shares.iter().all(|share| held(share) < limits.of(share))
    }

    fn take(&mut self, client: &Client, shares: &[Share]) {
        for share in shares {
            *self.held.entry(share.clone()).or_default() += 1;
        }
        self.turn += 1;
        self.served.insert(client.clone(), self.turn);
    }

    fn release(&mut self, client: &Client, shares: &[Share]) {
        for share in shares {
            if let Some(held) = self.held.get_mut(share) {
                *held -= 1;
                if *held == 0 {
                    self.held.remove(share);
                }
            }
        }
        let waits = self.waiting.iter().any(|waiter| waiter.client == *client);
        if !waits && !self.held.contains_key(&Share::One(client.clone())) {
            self.served.remove(client);
        }
    }

    /// The waiter whose turn it is, of those for whom there is room. Its permit is taken.
    fn next(&mut self, limits: Limits) -> Option<Waiter> {
        let turn = |waiter: &Waiter| self.served.get(&waiter.client).copied().unwrap_or_default();
        let ready = self.waiting.iter().enumerate();
        let ready = ready.filter(|(_, waiter)| self.has_room(limits, &waiter.shares));
        let (at, _) = ready.min_by_key(|(_, waiter)| turn(waiter))?;
        let waiter = self.waiting.remove(at);
        self.take(&waiter.client, &waiter.shares);
        Some(waiter)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};

    use super::*;

    fn read(table: &str) -> Work {
        Work::of(&format!("SELECT \"id\" FROM \"{table}\""))
    }

    const PATIENCE: Duration = Duration::from_millis(20);

    fn of(connections: u32) -> Arc<Bulkhead> {
        Bulkhead::new(connections, false, PATIENCE)
    }

    fn caller(name: &str) -> Client {
        Client::Caller(name.into())
    }

    fn anonymous(last: u8) -> Client {
        Client::Anonymous([192, 0, 2, last].into())
    }

    /// Every permit that `client` gets at once.
    async fn all_of(bulkhead: &Arc<Bulkhead>, client: &Client, work: Work) -> Vec<Permit> {
        let mut permits = Vec::new();
        while let Some(permit) = now(pin!(bulkhead.acquire(client, work))).await {
            permits.push(permit);
        }
        permits
    }

    /// The permit, if it is granted without waiting.
    async fn now(future: Pin<&mut impl Future<Output = Option<Permit>>>) -> Option<Permit> {
        tokio::select! {
            biased;
            permit = future => permit,
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn a_caller_holds_half_of_the_connections() {
        let bulkhead = of(8);
        let tasks = all_of(&bulkhead, &caller("a"), read("task")).await;
        let courses = all_of(&bulkhead, &caller("a"), read("course")).await;
        assert_eq!((tasks.len(), courses.len()), (3, 1));
    }

    #[tokio::test]
    async fn anonymous_callers_leave_half_to_others() {
        let bulkhead = of(8);
        let mut held = Vec::new();
        for last in 0..20 {
            for work in [read("task"), read("course"), read("chapter")] {
                held.extend(all_of(&bulkhead, &anonymous(last), work).await);
            }
        }
        assert_eq!(held.len(), 4);
        assert_eq!(all_of(&bulkhead, &caller("a"), read("course")).await.len(), 3);
    }

    #[tokio::test]
    async fn one_table_leaves_connections_to_others() {
        let bulkhead = of(8);
        let mut held = Vec::new();
        for (name, last) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
            held.extend(all_of(&bulkhead, &anonymous(last), read("task")).await);
            held.extend(all_of(&bulkhead, &caller(name), read("task")).await);
        }
        assert_eq!(held.len(), 5);
        for client in [caller("a"), caller("e"), anonymous(1), anonymous(4)] {
            let mut course = pin!(bulkhead.acquire(&client, read("course")));
            assert!(now(course.as_mut()).await.is_some(), "{client:?}");
        }
    }

    #[tokio::test]
    async fn server_work_has_a_connection_left() {
        let bulkhead = of(4);
        let mut held = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            for work in [read("task"), read("course"), read("chapter")] {
                held.extend(all_of(&bulkhead, &caller(name), work).await);
            }
        }
        assert_eq!(held.len(), 3);
        let audit = now(pin!(bulkhead.acquire(&Client::Server, read("audit_event")))).await;
        assert!(audit.is_some());
    }

    #[tokio::test]
    async fn clients_are_served_in_turn() {
        let bulkhead = of(1);
        let (greedy, client) = (caller("a"), caller("b"));
        let held = bulkhead.acquire(&greedy, read("task")).await;
        let mut greedy: Vec<_> =
            (0..3).map(|_| Box::pin(bulkhead.acquire(&greedy, read("task")))).collect();
        let mut modest = pin!(bulkhead.acquire(&client, read("task")));
        for waiter in &mut greedy {
            assert!(now(waiter.as_mut()).await.is_none());
        }
        assert!(now(modest.as_mut()).await.is_none());
        drop(held);
        let turn = now(modest.as_mut()).await;
        assert!(turn.is_some(), "asked last, served first: it has had no turn");
        drop(turn);
        assert!(now(greedy[0].as_mut()).await.is_some());
    }

    #[tokio::test]
    async fn a_waiter_that_is_gone_blocks_no_other() {
        let bulkhead = of(1);
        let held = bulkhead.acquire(&caller("a"), read("task")).await;
        let client = caller("b");
        {
            let mut gone = pin!(bulkhead.acquire(&client, read("task")));
            assert!(now(gone.as_mut()).await.is_none());
        }
        drop(held);
        assert!(now(pin!(bulkhead.acquire(&caller("c"), read("task")))).await.is_some());
        let state = bulkhead.state();
        assert!(state.held.is_empty() && state.served.is_empty() && state.waiting.is_empty());
    }

    #[tokio::test]
    async fn transactions_leave_each_share_a_connection() {
        for connections in 2..=16 {
            let bulkhead = of(connections);
            let mut transactions = Vec::new();
            for name in 0..40 {
                let client = caller(&name.to_string());
                transactions.extend(all_of(&bulkhead, &client, Work::transaction()).await);
            }
            let client = caller("0");
            let second = now(pin!(bulkhead.acquire(&client, read("task")))).await;
            assert!(second.is_some(), "{connections} connections");
        }
    }

    #[tokio::test]
    async fn sqlite_writers_wait_for_each_other() {
        let bulkhead = Bulkhead::new(8, true, PATIENCE);
        let write =
            bulkhead.acquire(&caller("a"), Work::of("INSERT INTO \"task\" VALUES (1)")).await;
        let client = caller("b");
        let mut other = pin!(bulkhead.acquire(&client, Work::transaction()));
        assert!(now(other.as_mut()).await.is_none());
        assert_eq!(all_of(&bulkhead, &client, read("task")).await.len(), 3);
        drop(write);
        assert!(now(other.as_mut()).await.is_some());
    }

    #[test]
    fn work_is_read_from_the_statement() {
        let task = read("task");
        for sql in [
            "SELECT COUNT(*) FROM (SELECT 1 FROM \"task\" WHERE \"id\" = ?) AS \"counted\"",
            "SELECT \"task\".\"id\" FROM \"task\" WHERE EXISTS (SELECT 1 FROM \"task_tag\")",
        ] {
            assert_eq!(Work::of(sql), task, "{sql}");
        }
        for sql in [
            "INSERT INTO \"task\" (\"id\") SELECT 1 FROM \"course\" RETURNING \"id\"",
            "UPDATE \"task\" SET \"title\" = ?",
            "DELETE FROM \"task\"",
        ] {
            assert_eq!(Work::of(sql), Work { writes: true, ..task }, "{sql}");
        }
        assert_ne!(read("course"), task);
        assert_ne!(Work::transaction(), Work::of("PRAGMA x"));
    }

    #[tokio::test]
    async fn waiting_ends() {
        let bulkhead = of(1);
        let _held = bulkhead.acquire(&caller("a"), read("task")).await;
        assert!(bulkhead.acquire(&caller("b"), read("task")).await.is_none());
    }
}
