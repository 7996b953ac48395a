//! Commands to the Redis server of REDIS_URL. An outage never fails a request: callers go on without it.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, RedisResult};
use secrecy::{ExposeSecret as _, SecretString};

use super::bus::EVENTS;

/// How long Redis may take to respond.
const TIMEOUT: Duration = Duration::from_millis(250);
/// How long this node goes on without Redis after a failure.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How often Redis is asked whether it responds, so that an outage shows without requests.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// A client of the Redis server.
pub struct RedisStore {
    client: Client,
    state: Mutex<State>,
    /// 1 while Redis responds.
    is_up: Gauge,
    /// The nodes that subscribed to events, when Redis responded last.
    nodes: Gauge,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Until when this node goes on without Redis.
    failed_until: Option<Instant>,
    /// Whether the last command failed.
    is_down: bool,
}

/// Why a command has no result, for the log.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Unavailable(String),
    /// The server's own words: it has no memory left, is read-only, or is starting.
    Rejected(String),
}

impl Failure {
    fn of(error: &RedisError) -> Self {
        match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => Self::Rejected(format!("{code} {detail}")),
            (Some(code), None) => Self::Rejected(code.to_owned()),
            (None, _) => Self::Unavailable(error.category().to_owned()),
        }
    }
}

impl RedisStore {
    /// A client of the Redis server at `url`, which connects on first use.
    ///
    /// # Errors
    /// If the URL is not valid.
    pub fn connect_lazily(url: &SecretString) -> RedisResult<Self> {
        let client = Client::open(url.expose_secret())?;
        let (is_up, nodes) = (Gauge::default(), Gauge::default());
        Ok(Self { client, state: Mutex::default(), is_up, nodes })
    }

    /// Registers the metric.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("hallpass_redis_up", "1 if Redis responds", self.is_up.clone());
        registry.register(
            "hallpass_redis_nodes",
            "Nodes that are subscribed to events in Redis, when it responded last",
            self.nodes.clone(),
        );
    }

    /// The number of nodes when Redis responded last, at least one.
    pub(super) fn nodes(&self) -> NonZeroU32 {
        let nodes = u32::try_from(self.nodes.get()).ok();
        nodes.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
    }

    /// Asks Redis from time to time whether it responds, and for the number of nodes; never returns.
    pub(crate) async fn keep_checking(&self) {
        let ask = async |connection: &mut MultiplexedConnection| {
            redis::cmd("PING").query_async::<()>(connection).await?;
            let mut nodes = redis::cmd("PUBSUB");
            let nodes = nodes.arg("NUMSUB").arg(EVENTS).query_async::<(String, i64)>(connection);
            // A role may lack this command.
            Ok(nodes.await.ok())
        };
        loop {
            if let Some(Some((_, nodes))) = self.run("this node goes on by itself", ask).await {
                self.nodes.set(nodes);
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
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
        let failure = match tokio::time::timeout(TIMEOUT, done).await {
            Ok(Ok(done)) => {
                self.succeeded();
                return Some(done);
            }
            Ok(Err(error)) => Failure::of(&error),
            Err(_) => Failure::Unavailable("it took too long".to_owned()),
        };
        match failure {
            Failure::Unavailable(reason) => {
                tracing::warn!(reason, consequence, "REDIS_URL is unavailable");
            }
            Failure::Rejected(reason) => {
                tracing::warn!(reason, consequence, "REDIS_URL rejected a command");
            }
        }
        self.is_up.set(0);
        self.with_state(|state| {
            state.is_down = true;
            state.connection = None;
            state.failed_until = Some(Instant::now() + RETRY_DELAY);
        });
        None
    }

    fn succeeded(&self) {
        self.is_up.set(1);
        if self.with_state(|state| std::mem::take(&mut state.is_down)) {
            tracing::info!("REDIS_URL is available again");
        }
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

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    #[test]
    fn error_of_redis_is_logged_with_its_reason() {
        let answer = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n";
        let error = parse_redis_value(answer).unwrap().extract_error().unwrap_err();
        let words = "OOM command not allowed when used memory > 'maxmemory'.";
        assert_eq!(Failure::of(&error), Failure::Rejected(words.to_owned()));
        let refused = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert!(matches!(Failure::of(&refused), Failure::Unavailable(_)));
    }
}
