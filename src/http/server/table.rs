//! The table of open connections: limits per client, eviction of idle ones, timeouts.
//!
//! A connection is busy while a request is under way, while an answer waits for its client to read it,
//! and while a WebSocket is open; else it is idle. Only idle connections are closed to make room.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::progress::Progress;
use crate::http::client_ip::ClientNetwork;

/// How often connections are looked through for those that take too long.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);

/// What connections may use.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Connections open at once.
    pub(super) total: usize,
    /// Of them, those of one client network.
    pub(super) per_client: usize,
    /// Bytes of answers that wait for the clients of one network to read them.
    pub(super) unsent_per_client: usize,
    /// How long a connection may be idle between two requests.
    pub(super) keep_alive: Duration,
}

/// Why a connection is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The client's network has as many as it may, and all are busy.
    Client,
    /// The server has as many as it may, and all are busy.
    Server,
}

/// The open connections.
pub(super) struct Table {
    bounds: Bounds,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// Numbers connections, and the moments at which they became idle.
    counter: u64,
    connections: HashMap<u64, Record>,
    /// The idle connections by the moment at which they became idle.
    idle: BTreeMap<u64, u64>,
    clients: HashMap<ClientNetwork, Usage>,
}

/// What one client network has.
#[derive(Default)]
struct Usage {
    open: usize,
    unsent: usize,
    idle: BTreeMap<u64, u64>,
}

struct Record {
    /// None for a trusted proxy, which stands for many clients.
    client: Option<ClientNetwork>,
    task: Option<AbortHandle>,
    busy: usize,
    /// The moment at which it became idle, as in `Open::idle`.
    idle: Option<u64>,
    progress: Arc<Progress>,
}

impl Table {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, open: Mutex::default() })
    }

    /// A place for a connection of `client`. Where there is none left, the connection that has been idle
    /// for longest is closed: of the same client where that has as many as it may, else of any.
    pub(super) fn admit(
        self: &Arc<Self>,
        client: Option<ClientNetwork>,
    ) -> Result<Arc<ConnectionSlot>, Full> {
        let mut open = self.open();
        if let Some(client) = &client
            && open.clients.get(client).is_some_and(|usage| usage.open >= self.bounds.per_client)
            && !open.evict_of(client)
        {
            return Err(Full::Client);
        }
        if open.connections.len() >= self.bounds.total && !open.evict() {
            return Err(Full::Server);
        }
        let first_patience = match client {
            Some(_) => super::FIRST_BYTE_TIMEOUT,
            None => self.bounds.keep_alive,
        };
        let progress = Arc::new(Progress::new(first_patience, self.bounds.keep_alive));
        let id = open.insert(client.clone(), Arc::clone(&progress));
        let lingers = AtomicBool::new(false);
        Ok(Arc::new(ConnectionSlot { id, client, table: Arc::clone(self), progress, lingers }))
    }

    /// Closes the connection that has been idle for longest; false where none is idle.
    pub(super) fn evict(&self) -> bool {
        self.open().evict()
    }

    /// Closes connections that take too long, for ever.
    pub(super) async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            let now = Instant::now();
            let mut open = self.open();
            for id in open.expired(now) {
                open.close(id);
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn insert(&mut self, client: Option<ClientNetwork>, progress: Arc<Progress>) -> u64 {
        let id = self.next();
        if let Some(client) = client.clone() {
            self.clients.entry(client).or_default().open += 1;
        }
        let record = Record { client, task: None, busy: 0, idle: None, progress };
        self.connections.insert(id, record);
        self.set_idle(id);
        id
    }

    fn set_idle(&mut self, id: u64) {
        let moment = self.next();
        let Some(record) = self.connections.get_mut(&id) else { return };
        record.idle = Some(moment);
        self.idle.insert(moment, id);
        if let Some(usage) = record.client.as_ref().and_then(|it| self.clients.get_mut(it)) {
            usage.idle.insert(moment, id);
        }
    }

    fn set_busy(&mut self, id: u64) {
        let Some(record) = self.connections.get_mut(&id) else { return };
        let Some(moment) = record.idle.take() else { return };
        self.idle.remove(&moment);
        if let Some(usage) = record.client.as_ref().and_then(|it| self.clients.get_mut(it)) {
            usage.idle.remove(&moment);
        }
    }

    fn remove(&mut self, id: u64) -> Option<Record> {
        self.set_busy(id);
        let record = self.connections.remove(&id)?;
        if let Some(client) = &record.client
            && let Some(usage) = self.clients.get_mut(client)
        {
            usage.open -= 1;
            if usage.open == 0 {
                self.clients.remove(client);
            }
        }
        Some(record)
    }

    fn evict(&mut self) -> bool {
        let idlest = self.idle.first_key_value().map(|(_, id)| *id);
        idlest.is_some_and(|id| self.close(id))
    }

    fn evict_of(&mut self, client: &ClientNetwork) -> bool {
        let idle = self.clients.get(client).and_then(|usage| usage.idle.first_key_value());
        let idlest = idle.map(|(_, id)| *id);
        idlest.is_some_and(|id| self.close(id))
    }

    /// Closes a connection at once, and frees its place.
    fn close(&mut self, id: u64) -> bool {
        let task = self.remove(id).and_then(|record| record.task);
        task.inspect(AbortHandle::abort).is_some()
    }

    fn expired(&self, now: Instant) -> Vec<u64> {
        let expired = self.connections.iter().filter(|(_, record)| {
            // What was upgraded has no task of this kind any more, and bounds of its own.
            record.task.as_ref().is_some_and(|task| !task.is_finished())
                && record.progress.is_expired(now)
        });
        expired.map(|(id, _)| *id).collect()
    }
}

/// An admitted connection; dropped, its place is free.
pub(super) struct ConnectionSlot {
    id: u64,
    client: Option<ClientNetwork>,
    table: Arc<Table>,
    progress: Arc<Progress>,
    lingers: AtomicBool,
}

impl ConnectionSlot {
    /// The connection is to linger when it is dropped.
    pub(super) fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub(super) fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }

    /// What closes the connection: aborting `task`.
    pub(super) fn served_by(&self, task: AbortHandle) {
        if let Some(record) = self.table.open().connections.get_mut(&self.id) {
            record.task = Some(task);
        }
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Keeps the connection from being idle; none where it is being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Busy> {
        let mut open = self.table.open();
        open.set_busy(self.id);
        open.connections.get_mut(&self.id)?.busy += 1;
        self.progress.began();
        Some(Busy(Arc::clone(self)))
    }

    /// Counts `bytes` of an answer that the client does not read yet.
    ///
    /// # Errors
    /// When its network leaves too many unread, or the connection is being closed.
    pub(super) fn block(self: &Arc<Self>, bytes: usize) -> io::Result<Unsent> {
        if let Some(client) = &self.client
            && let Some(usage) = self.table.open().clients.get_mut(client)
        {
            // One answer may be of any size: another bound holds it.
            if usage.unsent > 0 && usage.unsent + bytes > self.table.bounds.unsent_per_client {
                return Err(io::Error::other("the client leaves too many answers unread"));
            }
            usage.unsent += bytes;
        }
        let unsent = Unsent { place: Arc::clone(self), bytes, busy: self.begin() };
        match unsent.busy {
            Some(_) => Ok(unsent),
            None => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.table.open().remove(self.id);
    }
}

/// Something that keeps a connection from being idle.
pub(super) struct Busy(Arc<ConnectionSlot>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut open = self.0.table.open();
        let Some(record) = open.connections.get_mut(&self.0.id) else { return };
        record.busy -= 1;
        if record.busy == 0 {
            record.progress.ended();
            open.set_idle(self.0.id);
        }
    }
}

/// A part of an answer that waits for its client.
pub(super) struct Unsent {
    place: Arc<ConnectionSlot>,
    bytes: usize,
    busy: Option<Busy>,
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.busy = None;
        if let Some(client) = &self.place.client
            && let Some(usage) = self.place.table.open().clients.get_mut(client)
        {
            usage.unsent = usage.unsent.saturating_sub(self.bytes);
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
