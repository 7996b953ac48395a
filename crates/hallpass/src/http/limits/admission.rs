//! Admission control: under overload, operations are refused before they queue for the database.
//!
//! The classes are refused in order: anonymous callers first, then the callers of each tier, the lowest first. Each
//! class has a limit of the time that its statements wait; the longest is what still ends within REQUEST_TIMEOUT.

use std::time::Duration;

use hallpass_identity::{Caller, Tiers};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::code;
use crate::http::graphql::rejection::Rejection;

/// Statements of a typical operation that wait one after the other.
const STATEMENTS: u32 = 4;
/// The class of anonymous callers.
const ANONYMOUS: &str = "anonymous";

/// Refuses operations that would wait for too long.
pub(crate) struct Admission {
    tiers: Tiers,
    /// How long statements of the highest tier may wait.
    longest: Duration,
    refused: Family<RefusedLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    class: String,
}

impl Admission {
    /// For operations that end within `timeout`.
    pub(crate) fn registered(registry: &mut Registry, timeout: Duration, tiers: Tiers) -> Self {
        let refused = Family::default();
        registry.register(
            "hallpass_refused_operations",
            "Operations refused because the queue for the database is too long, by class of caller",
            refused.clone(),
        );
        let admission = Self { tiers, longest: timeout / STATEMENTS, refused };
        // So that the first refusal shows as an increase.
        let tiers = admission.tiers.names().iter().map(String::as_str);
        tiers.chain([ANONYMOUS]).for_each(|class| admission.refused(class, 0));
        admission
    }

    fn refused(&self, class: &str, count: u64) {
        self.refused.get_or_create(&RefusedLabels { class: class.to_owned() }).inc_by(count);
    }

    /// Refuses an operation of `caller` whose statements would wait for `queue_time`.
    pub(crate) fn check(
        &self,
        caller: Option<&Caller>,
        queue_time: Duration,
    ) -> Result<(), Rejection> {
        // The queue is short almost always.
        if queue_time.is_zero() {
            return Ok(());
        }
        let tiers = self.tiers.names();
        let tier = caller.map(|caller| self.tiers.counted_as(caller.tier()));
        let rank = tier.map_or(0, |tier| 1 + tiers.iter().position(|it| it == tier).unwrap_or(0));
        let limit = limit(self.longest, rank, tiers.len());
        let Some(excess) = queue_time.checked_sub(limit).filter(|excess| !excess.is_zero()) else {
            return Ok(());
        };
        self.refused(tier.unwrap_or(ANONYMOUS), 1);
        let message = "The server is overloaded: try again later.";
        Err(Rejection::unavailable(code::UNAVAILABLE, message, excess))
    }
}

/// The limit of the class with this rank: 0 for anonymous callers, `highest` for the highest tier.
fn limit(longest: Duration, rank: usize, highest: usize) -> Duration {
    longest.mul_f64((rank + 1) as f64 / (highest + 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_classes_have_shorter_limits() {
        let longest = Duration::from_secs(4);
        let limits: Vec<_> = (0..=3).map(|rank| limit(longest, rank, 3).as_secs()).collect();
        assert_eq!(limits, [1, 2, 3, 4]);
    }
}
