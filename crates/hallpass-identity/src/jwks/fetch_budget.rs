//! Token bucket for key set fetches that tokens with an unknown key id cause.

use std::time::{Duration, Instant};

/// The capacity of the bucket. It refills evenly within one period.
pub(crate) const BURST: u32 = 3;

/// A token bucket of [`BURST`] fetches that refills within one period.
#[derive(Debug)]
pub(crate) struct FetchBudget {
    period: Duration,
    /// When the bucket is full again.
    full_at: Option<Instant>,
}

impl FetchBudget {
    /// A full bucket.
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, full_at: None }
    }

    /// Takes one fetch; false when none is left.
    pub(crate) fn take(&mut self, at: Instant) -> bool {
        if !self.wait(at).is_zero() {
            return false;
        }
        self.full_at = Some(self.full_at.map_or(at, |full| full.max(at)) + self.interval());
        true
    }

    /// The time until a fetch is available.
    pub(crate) fn wait(&self, at: Instant) -> Duration {
        let missing =
            self.full_at.map_or(Duration::ZERO, |full| full.saturating_duration_since(at));
        missing.saturating_sub(self.interval() * (BURST - 1))
    }

    fn interval(&self) -> Duration {
        self.period / BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(30);

    #[test]
    fn burst_is_granted_then_one_each_interval() {
        let start = Instant::now();
        let mut budget = FetchBudget::new(PERIOD);
        let granted = |budget: &mut FetchBudget, second| {
            let at = start + Duration::from_secs(second);
            (0..300).filter(|_| budget.take(at)).count()
        };
        assert_eq!(granted(&mut budget, 0), 3);
        assert_eq!(granted(&mut budget, 9), 0);
        assert_eq!(granted(&mut budget, 10), 1);
        assert_eq!(granted(&mut budget, 19), 0);
        assert_eq!(budget.wait(start + Duration::from_secs(19)), Duration::from_secs(1));
        assert_eq!(granted(&mut budget, 3600), 3);
    }

    #[test]
    fn period_of_zero_grants_every_fetch() {
        let mut budget = FetchBudget::new(Duration::ZERO);
        assert!((0..300).all(|_| budget.take(Instant::now())));
    }
}
