//! Budgets of query cost that the nodes share in Redis, by the generic cell rate algorithm (GCRA). An outage costs
//! precision, never a request: each node has its share of the budgets then, and counts for itself.

use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::Script;

use super::redis_store::RedisStore;

/// KEYS: the budget. ARGV: milliseconds of one point, milliseconds of the whole budget, the points that are wanted, those
/// that are needed, and the milliseconds until what the node granted is replenished, which are more than is stored after a
/// loss of data. Stores the time at which the whole budget is replenished. Returns the granted points, the milliseconds to
/// wait if there are none, and the points that are left.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000 + time[2] / 1000
        local point, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
        local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now + tonumber(ARGV[5]))
        for argument = 3, 4 do
            local points = tonumber(ARGV[argument])
            local after = full + points * point
            if after - now <= whole then
                redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', math.ceil(after - now) + 1)
                return {points, 0, math.floor((whole - (after - now)) / point)}
            end
        end
        local left = math.floor((whole - (full - now)) / point)
        return {0, math.ceil(full + tonumber(ARGV[4]) * point - now - whole), left}
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
    /// The time until what the node granted is replenished.
    pub granted: Duration,
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
    /// Not enough points are left.
    Exceeded {
        /// What is left.
        remaining: u32,
        /// The time to wait.
        retry_after: Duration,
    },
}

/// The budgets in the Redis server of REDIS_URL.
pub struct SharedBudgets(Arc<RedisStore>);

impl SharedBudgets {
    /// The budgets in this server.
    #[must_use]
    pub fn new(store: Arc<RedisStore>) -> Self {
        Self(store)
    }

    /// The number of nodes when Redis responded last, at least one.
    pub(crate) fn nodes(&self) -> NonZeroU32 {
        self.0.nodes()
    }

    /// Takes points from a budget. None while Redis is unavailable.
    pub async fn take(&self, request: Request<'_>) -> Option<Grant> {
        let whole = request.period.as_secs_f64() * 1000.0;
        let mut take = TAKE.key(request.key);
        take.arg(whole / f64::from(request.limit)).arg(whole);
        take.arg(request.wanted).arg(request.needed).arg(request.granted.as_secs_f64() * 1000.0);
        let consequence = "this node counts rates by itself";
        let taken = self.0.run(consequence, async |connection| take.invoke_async(connection).await);
        let (points, wait, remaining): (u32, u64, u32) = taken.await?;
        Some(match points {
            0 => Grant::Exceeded { remaining, retry_after: Duration::from_millis(wait) },
            _ => Grant::Granted { points, remaining },
        })
    }
}
