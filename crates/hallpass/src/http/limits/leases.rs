//! Budgets that the nodes share: the points that a node has taken in advance.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::rate_limit::{Budget, Exceeded, Payer, cost_within};
use crate::cluster::shared_budgets::{Grant, Request, SharedBudgets};
use crate::config::{NamedRate, Rate};

/// A node takes this part of a budget in advance.
const LEASES_PER_BUDGET: u32 = 50;
/// How long a node keeps points that it does not spend.
const LEASE_TIME: Duration = Duration::from_secs(5);

/// The budgets that the nodes share. A node takes some points in advance, so that not every operation needs a round
/// trip.
pub(super) struct Shared {
    pub(super) budgets: SharedBudgets,
    leases: Mutex<HashMap<(Payer, Rate), Lease>>,
    /// When what this node granted is replenished. A Redis that has lost its data learns that.
    replenished: Mutex<HashMap<(Payer, Rate), Instant>>,
}

/// Points that this node has taken and not spent.
struct Lease {
    points: u32,
    /// Points that were left for all nodes then.
    remaining: u32,
    /// They are forfeited after this time.
    until: Instant,
}

impl Shared {
    pub(super) fn new(budgets: SharedBudgets) -> Self {
        Self { budgets, leases: Mutex::default(), replenished: Mutex::default() }
    }

    /// Notes that what this node granted is replenished after this time.
    pub(super) fn granted(&self, of: (Payer, Rate), reset: Duration) {
        self.replenished().insert(of, Instant::now() + reset);
    }

    pub(super) fn prune(&self) {
        let now = Instant::now();
        self.leases().retain(|_, lease| lease.until > now);
        self.replenished().retain(|_, at| *at > now);
    }

    /// Spends from the lease, and takes points from Redis if there are too few. None while Redis is unavailable.
    pub(super) async fn take(
        &self,
        of: &NamedRate,
        payer: &Payer,
        cost: u64,
    ) -> Option<Result<Budget, Exceeded>> {
        let rate = &of.rate;
        let (limit, period) = (rate.points.get(), rate.period);
        let cost = cost_within(*rate, cost).get();
        let budget = |remaining| Budget::left(of.clone(), remaining);
        let of_lease = (payer.clone(), *rate);
        let leased = match self.spend_lease(&of_lease, cost) {
            Ok(remaining) => return Some(Ok(budget(remaining))),
            Err(leased) => leased,
        };
        let key = format!("hallpass:budget:{rate}:{payer}");
        let needed = cost - leased;
        let wanted = needed.saturating_add(limit / LEASES_PER_BUDGET);
        let replenished = self.replenished().get(&of_lease).copied();
        let granted =
            replenished.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        let request = Request { key: &key, limit, period, wanted, needed, granted };
        match self.budgets.take(request).await {
            None => {
                self.add_to_lease(of_lease, leased, 0);
                None
            }
            Some(Grant::Exceeded { remaining, retry_after }) => {
                let own = self.add_to_lease(of_lease, leased, remaining);
                let left = remaining.saturating_add(own);
                // Until then the points of the lease may be forfeited, and other nodes do not have them.
                let retry_after = retry_after + rate.each() * leased;
                Some(Err(Exceeded::new(of.clone(), left, retry_after)))
            }
            Some(Grant::Granted { points, remaining }) => {
                let left = points.saturating_sub(needed);
                Some(Ok(budget(
                    remaining.saturating_add(self.add_to_lease(of_lease, left, remaining)),
                )))
            }
        }
    }

    /// Adds points to the lease, and returns its points.
    fn add_to_lease(&self, of: (Payer, Rate), points: u32, remaining: u32) -> u32 {
        let until = Instant::now() + LEASE_TIME;
        let mut leases = self.leases();
        let lease = leases.entry(of).or_insert(Lease { points: 0, remaining, until });
        // Another operation may have added to it meanwhile.
        *lease = Lease { points: lease.points.saturating_add(points), remaining, until };
        lease.points
    }

    /// Spends the cost from the lease, and returns what is left in all. If its points are too few, takes them out, so
    /// that no other operation counts on them, and fails with them.
    fn spend_lease(&self, of: &(Payer, Rate), cost: u32) -> Result<u32, u32> {
        let mut leases = self.leases();
        let Some(lease) = leases.get_mut(of).filter(|lease| lease.until > Instant::now()) else {
            leases.remove(of);
            return Err(0);
        };
        match lease.points.checked_sub(cost) {
            Some(left) => {
                lease.points = left;
                Ok(lease.remaining.saturating_add(left))
            }
            None => Err(std::mem::take(&mut lease.points)),
        }
    }

    fn replenished(&self) -> MutexGuard<'_, HashMap<(Payer, Rate), Instant>> {
        self.replenished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leases(&self) -> MutexGuard<'_, HashMap<(Payer, Rate), Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
