//! Budgets of query cost that the nodes share in Redis, by the generic cell rate algorithm (GCRA). An outage costs
//! precision, never a request: each node counts for itself then.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult, Script};
use secrecy::{ExposeSecret as _, SecretString};

/// How long Redis may take to respond, before this node counts for itself.
const TIMEOUT: Duration = Duration::from_millis(250);
/// How long this node counts for itself after a failure.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// KEYS: the budget. ARGV: milliseconds of one point, milliseconds of the whole budget, the points that are wanted, and
/// those that are needed. Stores the time at which the whole budget is replenished. Returns the granted points, the
/// milliseconds to wait if there are none, and the points that are left.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000 + time[2] / 1000
        local point, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
        local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
        for argument = 3, 4 do
            local points = tonumber(ARGV[argument])
            local after = full + points * point
            if after - now <= whole then
                redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', math.ceil(after - now) + 1)
                return {points, 0, math.floor((whole - (after - now)) / point)}
            end
        end
        return {0, math.ceil(full + tonumber(ARGV[4]) * point - now - whole), 0}
        ",
    )
});

/// What a node takes from a budget.
pub struct Request<'a> {
    /// Name of the budget.
    pub key: &'a str,
    /// Points of the whole budget.
    pub limit: u32,
    /// The time in which the whole budget is replenished.
    pub period: Duration,
    /// The points to take if there are so many.
    pub wanted: u32,
    /// Otherwise, these.
    pub needed: u32,
}

/// What a node got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Points, and how many are left for all nodes.
    Granted {
        /// The points.
        points: u32,
        /// What is left.
        remaining: u32,
    },
    /// Not enough points are left: the time to wait.
    Exceeded(Duration),
}

/// The budgets in the Redis server of REDIS_URL.
pub struct SharedBudgets {
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Until when this node counts for itself.
    failed_until: Option<Instant>,
}

impl SharedBudgets {
    /// A client of the Redis server at `url`, which connects on first use.
    ///
    /// # Errors
    /// If the URL is not valid.
    pub fn connect_lazily(url: &SecretString) -> RedisResult<Self> {
        Ok(Self { client: Client::open(url.expose_secret())?, state: Mutex::default() })
    }

    /// Takes points from a budget. None while Redis is unavailable.
    pub async fn take(&self, request: Request<'_>) -> Option<Grant> {
        if self.with_state(|state| state.failed_until.is_some_and(|until| Instant::now() < until)) {
            return None;
        }
        match tokio::time::timeout(TIMEOUT, self.try_take(&request)).await {
            Ok(Ok(grant)) => Some(grant),
            failed => {
                let reason = match &failed {
                    Ok(Err(error)) => error.category(),
                    _ => "it took too long",
                };
                tracing::warn!(
                    reason,
                    "REDIS_URL is unavailable: this node counts rates by itself"
                );
                self.with_state(|state| {
                    state.connection = None;
                    state.failed_until = Some(Instant::now() + RETRY_DELAY);
                });
                None
            }
        }
    }

    async fn try_take(&self, request: &Request<'_>) -> RedisResult<Grant> {
        let open = self.with_state(|state| state.connection.clone());
        let mut connection = match open {
            Some(connection) => connection,
            None => {
                let connection = self.client.get_multiplexed_async_connection().await?;
                self.with_state(|state| state.connection = Some(connection.clone()));
                connection
            }
        };
        let whole = request.period.as_secs_f64() * 1000.0;
        let mut take = TAKE.key(request.key);
        take.arg(whole / f64::from(request.limit)).arg(whole);
        take.arg(request.wanted).arg(request.needed);
        let (points, wait, remaining): (u32, u64, u32) = take.invoke_async(&mut connection).await?;
        Ok(match points {
            0 => Grant::Exceeded(Duration::from_millis(wait)),
            _ => Grant::Granted { points, remaining },
        })
    }

    fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
