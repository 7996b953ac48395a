//! Commands to the Redis server of REDIS_URL. An outage never fails a request: callers go on without it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult};
use secrecy::{ExposeSecret as _, SecretString};

/// How long Redis may take to respond.
const TIMEOUT: Duration = Duration::from_millis(250);
/// How long this node goes on without Redis after a failure.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// A client of the Redis server.
pub struct RedisStore {
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Until when this node goes on without Redis.
    failed_until: Option<Instant>,
}

impl RedisStore {
    /// A client of the Redis server at `url`, which connects on first use.
    ///
    /// # Errors
    /// If the URL is not valid.
    pub fn connect_lazily(url: &SecretString) -> RedisResult<Self> {
        Ok(Self { client: Client::open(url.expose_secret())?, state: Mutex::default() })
    }

    /// Sends commands. None while Redis is unavailable; `consequence` says in the log what that means.
    pub(crate) async fn run<T>(
        &self,
        consequence: &'static str,
        work: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Option<T> {
        if self.with_state(|state| state.failed_until.is_some_and(|until| Instant::now() < until)) {
            return None;
        }
        let done = async { work(&mut self.connection().await?).await };
        let reason = match tokio::time::timeout(TIMEOUT, done).await {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(error)) => error.category().to_owned(),
            Err(_) => "it took too long".to_owned(),
        };
        tracing::warn!(reason, consequence, "REDIS_URL is unavailable");
        self.with_state(|state| {
            state.connection = None;
            state.failed_until = Some(Instant::now() + RETRY_DELAY);
        });
        None
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        if let Some(connection) = self.with_state(|state| state.connection.clone()) {
            return Ok(connection);
        }
        let connection = self.client.get_multiplexed_async_connection().await?;
        self.with_state(|state| state.connection = Some(connection.clone()));
        Ok(connection)
    }

    fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
