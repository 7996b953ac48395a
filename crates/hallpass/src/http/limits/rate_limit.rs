//! Rate limits: the query cost of each caller per time, by the generic cell rate algorithm (GCRA).
//!
//! A caller may spend the whole of their rate at once; it is replenished evenly. An operation that costs more than the
//! whole counts as the whole, so that it is possible at all.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter as Limiter};
use hallpass_identity::{AuthMethod, Caller, CallerKind, network};
use moka::sync::Cache;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::leases::Shared;
use crate::cluster::shared_budgets::SharedBudgets;
use crate::config::{NamedRate, Rate, RateLimits};

/// Number of blocked addresses that are remembered.
const MAX_BLOCKED: u64 = 100_000;
/// Longest time that an address is remembered as blocked.
const MAX_BLOCKED_TIME: Duration = Duration::from_secs(60 * 60);
/// Interval of removing callers who have spent nothing recently.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// The client whose budget an operation spends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Payer {
    /// A user, by id.
    User(Box<str>),
    /// An API key, by its id; or those of a user, if the auth server does not state the key's id.
    ApiKey(Box<str>),
    /// A service, by id.
    Service(Box<str>),
    /// The anonymous callers of one address; IPv6: of one /64 network.
    Address(IpAddr),
    /// The failed credentials of one address.
    Failures(IpAddr),
    /// The events of a client's subscriptions.
    Events(Box<Payer>),
}

impl fmt::Display for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::ApiKey(id) => write!(f, "api-key:{id}"),
            Self::Service(id) => write!(f, "service:{id}"),
            Self::Address(address) => write!(f, "address:{address}"),
            Self::Failures(address) => write!(f, "failures:{address}"),
            Self::Events(client) => write!(f, "events:{client}"),
        }
    }
}

impl Payer {
    const FAILURES: &str = "failed_credentials";
    const KINDS: [&str; 5] = ["user", "api_key", "service", "anonymous", Self::FAILURES];

    /// As a label of metrics.
    fn kind(&self) -> &'static str {
        let [user, api_key, service, anonymous, failures] = Self::KINDS;
        match self {
            Self::User(_) => user,
            Self::ApiKey(_) => api_key,
            Self::Service(_) => service,
            Self::Address(_) => anonymous,
            Self::Failures(_) => failures,
            Self::Events(client) => client.kind(),
        }
    }

    fn of(caller: Option<&Caller>, address: IpAddr) -> Self {
        let Some(caller) = caller else { return Self::Address(network(address)) };
        let id = caller.id().as_str().into();
        match (caller.kind(), caller.via()) {
            (CallerKind::Service, _) => Self::Service(id),
            (CallerKind::User, AuthMethod::ApiKey) => {
                Self::ApiKey(caller.session_id().map_or(id, Into::into))
            }
            (CallerKind::User, _) => Self::User(id),
        }
    }
}

/// What is left of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// The callers that the rate is for.
    pub(crate) name: String,
    /// Points of the whole budget.
    pub(crate) limit: u32,
    /// The time in which the whole budget is replenished.
    pub(crate) period: Duration,
    /// Points that are left.
    pub(crate) remaining: u32,
    /// The time until the whole budget is replenished; of an operation that exceeds it, until that is possible.
    pub(crate) reset: Duration,
}

impl Budget {
    /// The budget of a caller who has `remaining` points.
    pub(super) fn left(NamedRate { name, rate }: NamedRate, remaining: u32) -> Self {
        let (limit, period) = (rate.points.get(), rate.period);
        let spent = limit.saturating_sub(remaining);
        let reset = period.mul_f64(f64::from(spent) / f64::from(limit));
        Self { name, limit, period, remaining, reset }
    }
}

/// The operation costs more than is left of the budget, and is possible after its `reset`.
#[derive(Debug)]
pub(crate) struct Exceeded(pub(crate) Budget);

impl Exceeded {
    pub(super) fn new(of: NamedRate, remaining: u32, retry_after: Duration) -> Self {
        Self(Budget { reset: retry_after, ..Budget::left(of, remaining) })
    }
}

type Spent = DefaultKeyedRateLimiter<Payer, StateInformationMiddleware>;

/// The budgets of all callers.
pub struct RateLimiter {
    limits: Option<RateLimits>,
    /// What the nodes share, if they do.
    shared: Option<Shared>,
    spent: Mutex<HashMap<Rate, Arc<Spent>>>,
    /// Addresses with too many failed credentials, and until when.
    blocked: Cache<IpAddr, Instant>,
    pruned: Mutex<Instant>,
    refusals: Family<[(&'static str, &'static str); 1], Counter>,
    delayed_events: Counter,
}

impl RateLimiter {
    /// Budgets of these rates; none without a limit.
    #[must_use]
    pub fn new(limits: Option<RateLimits>, shared: Option<SharedBudgets>) -> Self {
        let blocked =
            Cache::builder().max_capacity(MAX_BLOCKED).time_to_live(MAX_BLOCKED_TIME).build();
        let shared = shared.map(Shared::new);
        let (spent, pruned) = (Mutex::default(), Mutex::new(Instant::now()));
        let (refusals, delayed_events) = (Family::default(), Counter::default());
        Self { limits, shared, spent, blocked, pruned, refusals, delayed_events }
    }

    /// Registers the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        for kind in Payer::KINDS {
            self.refused(kind, 0);
        }
        registry.register(
            "hallpass_budget_refusals",
            "Requests that were refused because the budget of query cost was spent, by payer",
            self.refusals.clone(),
        );
        registry.register(
            "hallpass_delayed_events",
            "Events of subscriptions that waited until the budget of their client's events was replenished",
            self.delayed_events.clone(),
        );
    }

    fn refused(&self, kind: &'static str, count: u64) {
        self.refusals.get_or_create(&[("payer", kind)]).inc_by(count);
    }

    /// Spends the `cost` of an operation, in points. None without a limit.
    pub(crate) async fn spend(
        &self,
        caller: Option<&Caller>,
        address: IpAddr,
        cost: u64,
    ) -> Result<Option<Budget>, Exceeded> {
        let Some(limits) = &self.limits else { return Ok(None) };
        self.prune();
        let (of, payer) = (limits.of(caller), Payer::of(caller, address));
        let kind = payer.kind();
        let spent = match &self.shared {
            Some(shared) => self.spend_shared(shared, of, payer, cost).await,
            None => self.take(of, &payer, cost),
        };
        spent.map(Some).inspect_err(|_| self.refused(kind, 1))
    }

    /// Spends the `cost` of an event of a subscription, once there is enough. Events have a budget of their own, of ten
    /// times the rate, at each node: other users cause them, who must not use up what the client's operations need.
    pub(crate) async fn spend_for_event(
        &self,
        caller: Option<&Caller>,
        address: IpAddr,
        cost: u64,
    ) {
        let Some(limits) = &self.limits else { return };
        let NamedRate { name, rate } = limits.of(caller);
        let of = NamedRate { name, rate: rate.tenfold() };
        let payer = Payer::Events(Box::new(Payer::of(caller, address)));
        let Err(mut exceeded) = self.take(of.clone(), &payer, cost) else { return };
        self.delayed_events.inc();
        loop {
            tokio::time::sleep(exceeded.0.reset).await;
            exceeded = match self.take(of.clone(), &payer, cost) {
                Ok(_) => return,
                Err(exceeded) => exceeded,
            };
        }
    }

    /// Spends what the nodes share. Counted here too: without Redis, this node goes on with what it granted, and with its
    /// share of the budget, not with a whole one.
    async fn spend_shared(
        &self,
        shared: &Shared,
        of: NamedRate,
        payer: Payer,
        cost: u64,
    ) -> Result<Budget, Exceeded> {
        let spent = Box::pin(shared.take(&of, &payer, cost)).await;
        if let Some(Err(exceeded)) = spent {
            return Err(exceeded);
        }
        let NamedRate { name, rate } = of.clone();
        let share = NamedRate { name, rate: rate.share_of(shared.budgets.nodes()) };
        let of_share = (share.rate != rate).then(|| self.take(share, &payer, cost));
        let of_share = match (&spent, of_share) {
            (None, Some(Err(exceeded))) => return Err(exceeded),
            (_, of_share) => of_share.and_then(Result::ok),
        };
        let own = self.take(of, &payer, cost);
        if let Ok(own) = &own {
            shared.granted((payer, rate), own.reset);
        }
        spent.unwrap_or_else(|| of_share.map_or(own, Ok))
    }

    /// Counts a failed credential of an address. After a tenth of the points of anonymous callers, the address is
    /// blocked until one more is allowed.
    pub(crate) fn count_failure(&self, address: IpAddr) {
        let Some(limits) = &self.limits else { return };
        self.prune();
        let of_failures = failures(limits);
        let address = network(address);
        let one_more = of_failures.rate.each();
        let wait = match self.take(of_failures, &Payer::Failures(address), 1) {
            Ok(budget) if budget.remaining > 0 => return,
            Ok(_) => one_more,
            Err(Exceeded(budget)) => budget.reset,
        };
        self.blocked.insert(address, Instant::now() + wait);
    }

    /// Fails if the address had too many failed credentials.
    pub(crate) fn check_failures(&self, address: IpAddr) -> Result<(), Exceeded> {
        let Some(limits) = &self.limits else { return Ok(()) };
        let Some(until) = self.blocked.get(&network(address)) else { return Ok(()) };
        let retry_after = until.saturating_duration_since(Instant::now());
        if retry_after.is_zero() {
            return Ok(());
        }
        Err(Exceeded::new(failures(limits), 0, retry_after))
    }

    /// Counts a request that is refused because its address had too many failed credentials.
    pub(crate) fn count_refused_credential(&self) {
        self.refused(Payer::FAILURES, 1);
    }

    fn take(&self, of: NamedRate, payer: &Payer, cost: u64) -> Result<Budget, Exceeded> {
        let cost = cost_within(of.rate, cost);
        // The cost is at most the whole, so that the capacity suffices.
        match self.spent(of.rate).check_key_n(payer, cost) {
            Ok(Ok(state)) => Ok(Budget::left(of, remaining(&state))),
            Ok(Err(refused)) => {
                let retry_after = refused.wait_time_from(DefaultClock::default().now());
                let left = remaining_before(of.rate, cost, retry_after);
                Err(Exceeded::new(of, left, retry_after))
            }
            Err(_) => {
                let period = of.rate.period;
                Err(Exceeded::new(of, 0, period))
            }
        }
    }

    fn spent(&self, rate: Rate) -> Arc<Spent> {
        let mut all = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(rate).or_insert_with(|| Arc::new(limiter(rate))))
    }

    /// Removes the callers whose whole budget is left, now and then.
    fn prune(&self) {
        {
            let mut pruned = self.pruned.lock().unwrap_or_else(PoisonError::into_inner);
            if pruned.elapsed() < PRUNE_INTERVAL {
                return;
            }
            *pruned = Instant::now();
        }
        let all: Vec<_> = {
            let all = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
            all.values().map(Arc::clone).collect()
        };
        all.iter().for_each(|spent| spent.retain_recent());
        if let Some(shared) = &self.shared {
            shared.prune();
        }
    }
}

/// The rate of failed credentials of one address: a guesser is slowed down long before a user.
fn failures(limits: &RateLimits) -> NamedRate {
    NamedRate { name: "failures".to_owned(), rate: limits.of(None).rate.tenth() }
}

/// The points of an operation: at least one, and at most the whole.
pub(super) fn cost_within(rate: Rate, cost: u64) -> NonZeroU32 {
    let cost = u32::try_from(cost).unwrap_or(u32::MAX).min(rate.points.get());
    NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN)
}

fn remaining(state: &StateSnapshot) -> u32 {
    state.remaining_burst_capacity()
}

/// The points that are left before an operation of `cost`, which has to wait: those that it lacks are replenished in
/// that time.
fn remaining_before(rate: Rate, cost: NonZeroU32, wait: Duration) -> u32 {
    let lacking = wait.as_nanos().div_ceil(rate.each().as_nanos());
    cost.get().saturating_sub(u32::try_from(lacking).unwrap_or(u32::MAX))
}

fn limiter(rate: Rate) -> Spent {
    let quota = Quota::with_period(rate.each()).expect("it is not zero").allow_burst(rate.points);
    Limiter::keyed(quota).with_middleware()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn rate(text: &str) -> NamedRate {
        NamedRate { name: "free".to_owned(), rate: text.parse().unwrap() }
    }

    #[test]
    fn whole_budget_can_be_spent_at_once() {
        let limiter = RateLimiter::new(None, None);
        let take = |cost| limiter.take(rate("100/h"), &Payer::Address(ADDRESS), cost);
        assert_eq!(take(60).unwrap().remaining, 40);
        let spent = take(40).unwrap();
        assert_eq!((spent.remaining, spent.reset), (0, Duration::from_secs(60 * 60)));
        let Exceeded(budget) = take(1).unwrap_err();
        let seconds = budget.reset.as_secs_f64();
        assert!((35.0..=36.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn refusal_says_what_is_left() {
        let limiter = RateLimiter::new(None, None);
        let take = |cost| limiter.take(rate("100/h"), &Payer::Address(ADDRESS), cost);
        assert_eq!(take(70).unwrap().remaining, 30);
        let Exceeded(budget) = take(50).unwrap_err();
        assert_eq!(budget.remaining, 30);
        let seconds = budget.reset.as_secs_f64();
        assert!((719.0..=720.0).contains(&seconds), "20 points in {seconds} s");
        assert_eq!(take(30).unwrap().remaining, 0, "what is left can be spent");
    }

    #[test]
    fn payers_are_separate() {
        let limiter = RateLimiter::new(None, None);
        let take = |payer: &Payer| limiter.take(rate("1/h"), payer, 1).is_ok();
        for payer in [
            Payer::User("a".into()),
            Payer::User("b".into()),
            Payer::ApiKey("a".into()),
            Payer::Service("a".into()),
            Payer::Address(ADDRESS),
            Payer::Failures(ADDRESS),
        ] {
            assert!(take(&payer), "{payer:?}");
            assert!(!take(&payer), "{payer:?}");
        }
    }

    #[test]
    fn cost_above_the_whole_is_the_whole() {
        let limiter = RateLimiter::new(None, None);
        let take = |cost| limiter.take(rate("10/h"), &Payer::Address(ADDRESS), cost);
        assert_eq!(take(5_000).unwrap().remaining, 0);
        assert!(take(1).is_err());
    }
}
