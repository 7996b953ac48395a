//! Admission control: under overload, operations are refused before they queue for the database.
//!
//! The classes are refused in order: anonymous callers first, then the callers of each tier, the lowest first. Each
//! class has a limit of the time that its statements wait; the longest is what still ends within REQUEST_TIMEOUT.
//!
//! A queue that is long for a moment is served. One that stays long makes all operations late, and no more of them are
//! served: then its limit is as long as a statement runs, which doubles the time of an operation at most. As in CoDel
//! (RFC 8289 section 3.2), the time for which a queue is long distinguishes it from a burst.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hallpass_data::QueueTime;
use hallpass_identity::{Caller, Tiers};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::code;
use crate::http::graphql::rejection::Rejection;

/// Statements of a typical operation that wait one after the other.
const STATEMENTS: u32 = 4;
/// An overload begins when a queue is longer than this part of its longest limit, for the time of a burst.
const LONG: u32 = 10;
/// A queue is long only with more statements than this for each connection. Fewer are those of a moment when the database
/// is slow, or of few clients that wait for their answers.
const DEEP: u32 = 8;
/// For how long a queue may be long before that is an overload.
const BURST: Duration = Duration::from_millis(100);
/// An overload has ended once no operation was refused for this time.
const RECOVERY: Duration = Duration::from_secs(1);
/// After this time it is tried whether there still is an overload: clients that repeat what was refused keep a short queue
/// full, even if a longer one would have room for all of them.
const TRIAL: Duration = Duration::from_secs(30);
/// Statements may wait for this long in an overload, even if they run for a shorter time.
const SHORTEST: Duration = Duration::from_millis(5);
/// The class of anonymous callers.
const ANONYMOUS: &str = "anonymous";

/// Refuses operations that would wait for too long.
pub(crate) struct Admission {
    tiers: Tiers,
    /// How long statements of the highest tier may wait.
    longest: Duration,
    /// The queue of anonymous callers, and that of signed-in ones.
    queues: [Mutex<Queue>; 2],
    refused: Family<RefusedLabels, Counter>,
}

/// What is known of a queue.
#[derive(Debug, Default)]
struct Queue {
    long_since: Option<Instant>,
    overload: Option<Overload>,
}

#[derive(Clone, Copy, Debug)]
struct Overload {
    began: Instant,
    last_refused: Instant,
}

/// The limits of a class for the time that a statement waits.
#[derive(Clone, Copy, Debug)]
struct Limits {
    longest: Duration,
    /// None where there is no overload.
    overload: Option<OverloadLimit>,
}

#[derive(Clone, Copy, Debug)]
struct OverloadLimit {
    /// A longer wait is a sign of an overload.
    begins: Duration,
    /// The limit in an overload.
    then: Duration,
}

impl Overload {
    fn lasts(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_refused) < RECOVERY
            && now.saturating_duration_since(self.began) < TRIAL
    }
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
        let longest = timeout / STATEMENTS;
        let admission = Self { tiers, longest, queues: Default::default(), refused };
        // So that the first refusal shows as an increase.
        let tiers = admission.tiers.names().iter().map(String::as_str);
        tiers.chain([ANONYMOUS]).for_each(|class| admission.refused(class, 0));
        admission
    }

    fn refused(&self, class: &str, count: u64) {
        self.refused.get_or_create(&RefusedLabels { class: class.to_owned() }).inc_by(count);
    }

    /// Refuses an operation of `caller` whose statements would wait for `queue`.
    pub(crate) fn check(&self, caller: Option<&Caller>, queue: QueueTime) -> Result<(), Rejection> {
        let tiers = self.tiers.names();
        let tier = caller.map(|caller| self.tiers.counted_as(caller.tier()));
        let rank = tier.map_or(0, |tier| 1 + tiers.iter().position(|it| it == tier).unwrap_or(0));
        let limit = |longest| limit(longest, rank, tiers.len());
        let limits = Limits {
            longest: limit(self.longest),
            overload: queue.service.map(|service| OverloadLimit {
                begins: service * DEEP,
                then: limit(service.max(SHORTEST)),
            }),
        };
        let state = &self.queues[usize::from(caller.is_some())];
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let excess = state.excess(queue.wait, limits, Instant::now());
        drop(state);
        let Some(excess) = excess else { return Ok(()) };
        self.refused(tier.unwrap_or(ANONYMOUS), 1);
        let message = "The server is overloaded: try again later.";
        Err(Rejection::unavailable(code::UNAVAILABLE, message, excess))
    }
}

impl Queue {
    /// By how much a wait is above its limit.
    fn excess(&mut self, wait: Duration, limits: Limits, now: Instant) -> Option<Duration> {
        let long = |limit: &OverloadLimit| wait > limit.begins.max(limits.longest / LONG);
        let in_overload = limits.overload.filter(|limit| self.is_overloaded(long(limit), now));
        let limit = in_overload.map_or(limits.longest, |limit| limit.then);
        let excess = wait.checked_sub(limit).filter(|excess| !excess.is_zero())?;
        if let Some(overload) = &mut self.overload {
            overload.last_refused = now;
        }
        Some(excess)
    }

    fn is_overloaded(&mut self, is_long: bool, now: Instant) -> bool {
        self.overload = self.overload.filter(|overload| overload.lasts(now));
        if self.overload.is_some() {
            return true;
        }
        self.long_since = self.long_since.filter(|_| is_long).or(is_long.then_some(now));
        let lasts = |since: Instant| now.saturating_duration_since(since) >= BURST;
        if self.long_since.take_if(|since| lasts(*since)).is_some() {
            self.overload = Some(Overload { began: now, last_refused: now });
        }
        self.overload.is_some()
    }
}

/// The limit of the class with this rank: 0 for anonymous callers, `highest` for the highest tier.
fn limit(longest: Duration, rank: usize, highest: usize) -> Duration {
    longest.mul_f64((rank + 1) as f64 / (highest + 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// With statements of 10 ms.
    const LIMITS: Limits = Limits {
        longest: Duration::from_secs(1),
        overload: Some(OverloadLimit {
            begins: Duration::from_millis(80),
            then: Duration::from_millis(10),
        }),
    };

    #[test]
    fn lower_classes_have_shorter_limits() {
        let longest = Duration::from_secs(4);
        let limits: Vec<_> = (0..=3).map(|rank| limit(longest, rank, 3).as_secs()).collect();
        assert_eq!(limits, [1, 2, 3, 4]);
    }

    #[test]
    fn queue_that_stays_long_is_kept_short() {
        let (mut queue, began) = (Queue::default(), Instant::now());
        // Time, wait, whether it is refused.
        for (ms, wait, is_refused) in [
            (0, 101, false),
            (99, 900, false),
            (100, 1_001, true),
            (101, 10, false),
            (102, 11, true),
            (1_101, 11, true),
            (2_101, 11, false),
            (2_102, 500, false),
            (2_150, 100, false),
            (2_202, 500, false),
            (2_302, 11, false),
            (2_303, 1_001, true),
            (2_304, 500, false),
            (2_404, 500, true),
        ] {
            let excess = queue.excess(MS * wait, LIMITS, began + MS * ms);
            assert_eq!(excess.is_some(), is_refused, "{wait} ms after {ms} ms");
        }
    }

    #[test]
    fn few_slow_statements_are_no_overload() {
        let (mut queue, began) = (Queue::default(), Instant::now());
        let overload = OverloadLimit { begins: MS * 800, then: MS * 100 };
        let limits = Limits { overload: Some(overload), ..LIMITS };
        for ms in 0..100 {
            assert_eq!(queue.excess(MS * 800, limits, began + MS * 10 * ms), None);
        }
        queue.excess(MS * 801, limits, began);
        assert!(queue.excess(MS * 801, limits, began + BURST).is_some());
    }

    #[test]
    fn repeated_operations_do_not_prolong_an_overload() {
        let (mut queue, began) = (Queue::default(), Instant::now());
        let mut refused_at = |ms, wait| queue.excess(MS * wait, LIMITS, began + MS * ms).is_some();
        refused_at(0, 500);
        let refused = (1..400).map(|tenth| tenth * 100).filter(|ms| refused_at(*ms, 50));
        assert_eq!(refused.count(), 0, "a short queue is no overload");
        assert!(!refused_at(40_000, 500) && refused_at(40_100, 500));
        let refused: Vec<_> =
            (402..800).map(|tenth| tenth * 100).filter(|ms| refused_at(*ms, 50)).collect();
        assert_eq!((refused.first(), refused.last()), (Some(&40_200), Some(&70_000)));
    }

    #[test]
    fn queue_of_one_writer_may_stay_long() {
        let (mut queue, began) = (Queue::default(), Instant::now());
        let limits = Limits { overload: None, ..LIMITS };
        for ms in 0..100 {
            assert_eq!(queue.excess(MS * 900, limits, began + MS * 10 * ms), None);
        }
        assert_eq!(queue.excess(MS * 1_001, limits, began), Some(MS));
    }
}
