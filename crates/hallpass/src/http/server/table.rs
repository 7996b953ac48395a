//! The table of open connections: limits per client, eviction of idle ones, timeouts.
//!
//! A connection is busy while a request is running, while a response is unsent, and while a WebSocket is open;
//! otherwise it is idle. Only idle connections are evicted.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use crate::http::client_ip::ClientNetwork;

/// How often connections are checked for timeouts.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);

/// Limits of connections.
#[derive(Clone, Copy)]
pub(super) struct ConnectionLimits {
    /// Open connections.
    pub(super) total: usize,
    /// Open connections of one client network.
    pub(super) per_client: usize,
    /// Unsent response bytes of the clients of one network.
    pub(super) unsent_per_client: usize,
    /// Unsent response bytes of all clients together.
    pub(super) unsent: usize,
    /// How long a connection may be idle between two requests.
    pub(super) keep_alive: Duration,
}

/// Why a connection is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RejectReason {
    /// The client network is at its limit, and all its connections are busy.
    Client,
    /// The server is at its limit, and all connections are busy.
    Server,
}

/// The open connections.
pub(super) struct Table {
    limits: ConnectionLimits,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// Logical clock: numbers connections, and the moments at which they became idle.
    counter: u64,
    connections: HashMap<u64, Record>,
    /// The idle connections, by the moment at which they became idle.
    idle: BTreeMap<u64, u64>,
    clients: HashMap<ClientNetwork, Usage>,
    /// Unsent response bytes.
    unsent: usize,
}

/// The connections of one client network.
#[derive(Default)]
struct Usage {
    open: usize,
    unsent: usize,
    idle: BTreeMap<u64, u64>,
}

struct Record {
    /// `None` for a trusted proxy, whose connections carry many clients.
    client: Option<ClientNetwork>,
    task: Option<AbortHandle>,
    busy: usize,
    /// The moment at which it became idle, as in `Open::idle`.
    idle: Option<u64>,
    progress: Arc<Progress>,
    /// Cancelled to close an HTTP/2 connection gracefully.
    goaway: CancellationToken,
}

impl Table {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, open: Mutex::default() })
    }

    /// Admits a connection of `client`. At a limit, the connection that has been idle for longest is closed: one of
    /// the same client at the limit per client, else any.
    pub(super) fn admit(
        self: &Arc<Self>,
        client: Option<ClientNetwork>,
    ) -> Result<Arc<ConnectionSlot>, RejectReason> {
        let mut open = self.open();
        if let Some(client) = &client
            && open.clients.get(client).is_some_and(|usage| usage.open >= self.limits.per_client)
            && !open.evict_of(client)
        {
            return Err(RejectReason::Client);
        }
        if open.connections.len() >= self.limits.total && !open.evict() {
            return Err(RejectReason::Server);
        }
        let first_timeout = match client {
            Some(_) => super::FIRST_BYTE_TIMEOUT,
            None => self.limits.keep_alive,
        };
        let progress = Arc::new(Progress::new(first_timeout, self.limits.keep_alive));
        let goaway = CancellationToken::new();
        let id = open.insert(client.clone(), Arc::clone(&progress), goaway.clone());
        let (lingers, upgrades) = (AtomicBool::new(false), AtomicBool::new(false));
        let table = Arc::clone(self);
        Ok(Arc::new(ConnectionSlot { id, client, table, progress, goaway, lingers, upgrades }))
    }

    /// Closes the connection that has been idle for longest; false if none is idle.
    pub(super) fn evict(&self) -> bool {
        self.open().evict()
    }

    /// Closes connections that are over their timeout; never returns.
    pub(super) async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            let now = Instant::now();
            let mut open = self.open();
            for id in open.expired(now) {
                if !open.send_goaway(id) {
                    open.close(id);
                }
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

    fn insert(
        &mut self,
        client: Option<ClientNetwork>,
        progress: Arc<Progress>,
        goaway: CancellationToken,
    ) -> u64 {
        let id = self.next();
        if let Some(client) = client.clone() {
            self.clients.entry(client).or_default().open += 1;
        }
        let record = Record { client, task: None, busy: 0, idle: None, progress, goaway };
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
        let longest_idle = self.idle.first_key_value().map(|(_, id)| *id);
        longest_idle.is_some_and(|id| self.close(id))
    }

    fn evict_of(&mut self, client: &ClientNetwork) -> bool {
        let idle = self.clients.get(client).and_then(|usage| usage.idle.first_key_value());
        let longest_idle = idle.map(|(_, id)| *id);
        longest_idle.is_some_and(|id| self.close(id))
    }

    /// Aborts a connection and frees its slot.
    fn close(&mut self, id: u64) -> bool {
        let task = self.remove(id).and_then(|record| record.task);
        task.inspect(AbortHandle::abort).is_some()
    }

    /// Closes an idle HTTP/2 connection gracefully; false if it is closed at once.
    fn send_goaway(&self, id: u64) -> bool {
        let record = self.connections.get(&id).filter(|record| record.progress.wants_goaway());
        let Some(record) = record else { return false };
        record.progress.close_soon();
        record.goaway.cancel();
        true
    }

    fn add_unsent(
        &mut self,
        client: Option<&ClientNetwork>,
        bytes: usize,
        limits: &ConnectionLimits,
    ) -> io::Result<()> {
        // The size of a single response is limited elsewhere (MAX_ANSWER).
        let is_over = |unsent: usize, limit: usize| unsent > 0 && unsent + bytes > limit;
        if is_over(self.unsent, limits.unsent) {
            return Err(io::Error::other("too many unsent response bytes"));
        }
        if let Some(usage) = client.and_then(|client| self.clients.get_mut(client)) {
            if is_over(usage.unsent, limits.unsent_per_client) {
                return Err(io::Error::other("too many unsent response bytes for this client"));
            }
            usage.unsent += bytes;
        }
        self.unsent += bytes;
        Ok(())
    }

    fn remove_unsent(&mut self, client: Option<&ClientNetwork>, bytes: usize) {
        if let Some(usage) = client.and_then(|client| self.clients.get_mut(client)) {
            usage.unsent = usage.unsent.saturating_sub(bytes);
        }
        self.unsent = self.unsent.saturating_sub(bytes);
    }

    fn expired(&self, now: Instant) -> Vec<u64> {
        let expired = self.connections.iter().filter(|(_, record)| {
            // The task of an upgraded connection is finished; such connections have their own timeouts.
            record.task.as_ref().is_some_and(|task| !task.is_finished())
                && record.progress.is_expired(now)
        });
        expired.map(|(id, _)| *id).collect()
    }
}

/// An admitted connection; its slot is freed when dropped.
pub(super) struct ConnectionSlot {
    id: u64,
    client: Option<ClientNetwork>,
    table: Arc<Table>,
    progress: Arc<Progress>,
    goaway: CancellationToken,
    lingers: AtomicBool,
    upgrades: AtomicBool,
}

impl ConnectionSlot {
    /// Requests a lingering close when the connection is dropped.
    pub(super) fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    /// Whether a lingering close is requested.
    pub(super) fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }

    /// The response switches to another protocol.
    pub(super) fn upgrade(&self) {
        self.upgrades.store(true, Ordering::Relaxed);
    }

    /// Whether a response has switched to another protocol.
    pub(super) fn upgrades(&self) -> bool {
        self.upgrades.load(Ordering::Relaxed)
    }

    /// Sets the task that serves the connection; aborting it closes the connection.
    pub(super) fn served_by(&self, task: AbortHandle) {
        if let Some(record) = self.table.open().connections.get_mut(&self.id) {
            record.task = Some(task);
        }
    }

    /// Whether the connection carries many clients: the limits of one do not apply.
    pub(super) fn is_proxied(&self) -> bool {
        self.client.is_none()
    }

    /// Cancelled to close an HTTP/2 connection gracefully.
    pub(super) fn goaway(&self) -> &CancellationToken {
        &self.goaway
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Marks the connection as busy; `None` if it is being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<BusyGuard> {
        let mut open = self.table.open();
        open.set_busy(self.id);
        open.connections.get_mut(&self.id)?.busy += 1;
        self.progress.began();
        Some(BusyGuard(Arc::clone(self)))
    }

    /// Counts `bytes` of a response that the client has not read yet.
    ///
    /// # Errors
    /// If the client network or the server has too many unsent bytes, or the connection is being closed.
    pub(super) fn block(self: &Arc<Self>, bytes: usize) -> io::Result<UnsentGuard> {
        self.table.open().add_unsent(self.client.as_ref(), bytes, &self.table.limits)?;
        let unsent = UnsentGuard { slot: Arc::clone(self), bytes, busy: self.begin() };
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

/// Keeps a connection busy until dropped.
pub(super) struct BusyGuard(Arc<ConnectionSlot>);

impl Drop for BusyGuard {
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

/// Unsent bytes of a response, counted until dropped.
pub(super) struct UnsentGuard {
    slot: Arc<ConnectionSlot>,
    bytes: usize,
    busy: Option<BusyGuard>,
}

impl Drop for UnsentGuard {
    fn drop(&mut self) {
        self.busy = None;
        let slot = &self.slot;
        slot.table.open().remove_unsent(slot.client.as_ref(), self.bytes);
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
