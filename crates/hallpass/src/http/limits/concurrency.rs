//! Concurrency limit per client: further operations queue for up to two seconds, and are then rejected
//! (`RATE_LIMITED`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_data::Client;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::graphql::rejection::Rejection;

/// How many operations may queue per running one.
const QUEUED_PER_RUNNING: usize = 4;
/// How long an operation may queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// Semaphores of running operations, by client.
pub(crate) struct ConcurrencyLimiter {
    limit: usize,
    clients: Mutex<HashMap<Client, Load>>,
}

struct Load {
    running: Arc<Semaphore>,
    /// Running and queued operations.
    operations: usize,
}

/// Permit to run one operation, released when dropped.
pub(crate) struct ConcurrencyPermit<'a> {
    concurrency: &'a ConcurrencyLimiter,
    client: Client,
    permit: Option<OwnedSemaphorePermit>,
}

impl ConcurrencyLimiter {
    /// At most `limit` operations of one client run at once.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, clients: Mutex::default() }
    }

    /// Waits until an operation of `client` may run.
    pub(crate) async fn acquire(
        &self,
        client: &Client,
    ) -> Result<ConcurrencyPermit<'_>, Rejection> {
        let (mut slot, running) = self.enqueue(client)?;
        let waited = tokio::time::timeout(QUEUE_TIMEOUT, running.acquire_owned()).await;
        slot.permit = Some(waited.ok().and_then(Result::ok).ok_or_else(too_many)?);
        Ok(slot)
    }

    fn enqueue(
        &self,
        client: &Client,
    ) -> Result<(ConcurrencyPermit<'_>, Arc<Semaphore>), Rejection> {
        let mut clients = self.clients();
        let load = clients.entry(client.clone()).or_insert_with(|| Load {
            running: Arc::new(Semaphore::new(self.limit)),
            operations: 0,
        });
        if load.operations >= self.limit.saturating_mul(1 + QUEUED_PER_RUNNING) {
            return Err(too_many());
        }
        load.operations += 1;
        let slot = ConcurrencyPermit { concurrency: self, client: client.clone(), permit: None };
        Ok((slot, Arc::clone(&load.running)))
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<Client, Load>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConcurrencyPermit<'_> {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut clients = self.concurrency.clients();
        if let Some(load) = clients.get_mut(&self.client) {
            load.operations -= 1;
            if load.operations == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

fn too_many() -> Rejection {
    Rejection::too_many("Too many concurrent operations: wait until some complete.")
}
