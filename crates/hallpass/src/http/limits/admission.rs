//! Admission control: under overload, operations are refused before they queue for the database.
//!
//! The classes are refused in order: anonymous callers first, then the callers of each tier, the lowest first. Each
//! class has a limit of the time that its statements wait; the longest is what still ends within REQUEST_TIMEOUT.
//!
//! A queue that is long for a moment is served. One that stays long makes all operations late, and no more of them are
//! served: then its limit is half as long as a statement runs, so that an operation takes twice its time at most: more
//! are admitted before the statements of the last ones wait. As in CoDel (RFC 8289 section 3.2), the time for which a
//! queue is long distinguishes it from a burst.

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
/// is slow, or of clients that wait for their answers.
const DEEP: u32 = 12;
/// For how long a queue may be long before that is an overload.
const BURST: Duration = Duration::from_millis(100);
/// An overload has ended once no operation was refused for this time.
const RECOVERY: Duration = Duration::from_secs(1);
/// After this time it is tried whether there still is an overload: clients that repeat what was refused keep a short queue
/// full, even if a longer one would have room for all of them. Each trial that fails doubles the time until the next.
const FIRST_TRIAL: Duration = Duration::from_secs(10);
const LAST_TRIAL: Duration = Duration::from_secs(60);
/// Statements may wait for this long in an overload, even if half the time of one is shorter.
const SHORTEST: Duration = Duration::from_millis(5);
/// `Retry-After` in an overload: longer than the time after which it has ended.
const RETRY_AFTER: Duration = Duration::from_secs(2);
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
    /// The time until the trial.
    trial: Duration,
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    class: String,
}

impl Overload {
    fn beginning(now: Instant, trial: Duration) -> Self {
        Self { began: now, last_refused: now, trial: trial.min(LAST_TRIAL) }
    }

    fn lasts(&self, now: Instant) -> bool {
        is_within(RECOVERY, self.last_refused, now)
    }

    fn is_tried(&self, now: Instant) -> bool {
        !is_within(self.trial, self.began, now)
    }
}

fn is_within(time: Duration, since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < time
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
                then: limit((service / 2).max(SHORTEST)),
            }),
        };
        let state = &self.queues[usize::from(caller.is_some())];
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let excess = state.excess(queue, limits, Instant::now());
        drop(state);
        let Some(excess) = excess else { return Ok(()) };
        self.refused(tier.unwrap_or(ANONYMOUS), 1);
        let message = "The server is overloaded: try again later.";
        Err(Rejection::unavailable(code::UNAVAILABLE, message, excess))
    }
}

impl Queue {
    /// By how much a wait is above its limit.
    fn excess(&mut self, queue: QueueTime, limits: Limits, now: Instant) -> Option<Duration> {
        // A client with many statements of its own is no sign of an overload, which all are in.
        let is_long = limits.overload.is_some_and(|overload| {
            queue.wait_of_new_client > overload.begins.max(limits.longest / LONG)
        });
        let is_overloaded = self.is_overloaded(is_long, now);
        let in_overload = limits.overload.filter(|_| is_overloaded);
        let limit = in_overload.map_or(limits.longest, |limit| limit.then);
        let excess = queue.wait.checked_sub(limit).filter(|excess| !excess.is_zero())?;
        if let Some(overload) = &mut self.overload {
            overload.last_refused = now;
        }
        Some(if is_overloaded { excess.max(RETRY_AFTER) } else { excess })
    }

    fn is_overloaded(&mut self, is_long: bool, now: Instant) -> bool {
        self.overload = self.overload.filter(|overload| overload.lasts(now));
        if !is_long {
            self.long_since = None;
        }
        match self.overload {
            Some(overload) if !overload.is_tried(now) => return true,
            // The trial fails.
            Some(overload) if is_long => {
                self.overload = Some(Overload::beginning(now, overload.trial * 2));
                return true;
            }
            Some(_) => return false,
            None => {}
        }
        if is_long && !is_within(BURST, *self.long_since.get_or_insert(now), now) {
            self.overload = Some(Overload::beginning(now, FIRST_TRIAL));
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

    /// A queue in which all clients wait for as long.
    fn waiting(wait: Duration) -> QueueTime {
        QueueTime { wait, wait_of_new_client: wait, service: None }
    }

    /// Whether an operation is refused that waits for this many ms, for each time in ms.
    fn refused(limits: Limits, operations: &[(u32, u32)]) -> Vec<bool> {
        let (mut queue, began) = (Queue::default(), Instant::now());
        let operations =
            operations.iter().map(|(at, wait)| (began + MS * *at, waiting(MS * *wait)));
        operations.map(|(at, wait)| queue.excess(wait, limits, at).is_some()).collect()
    }

    #[test]
    fn lower_classes_have_shorter_limits() {
        let longest = Duration::from_secs(4);
        let limits: Vec<_> = (0..=3).map(|rank| limit(longest, rank, 3).as_secs()).collect();
        assert_eq!(limits, [1, 2, 3, 4]);
    }

    #[test]
    fn queue_that_stays_long_is_kept_short() {
        let operations = [
            (0, 101),
            (99, 900),
            (100, 101),
            (101, 10),
            (1_099, 11),
            (2_099, 11),
            (2_100, 500),
            (2_150, 100),
            (2_200, 500),
            (2_299, 500),
            (2_300, 500),
        ];
        let expected = [false, false, true, false, true, false, false, false, false, false, true];
        assert_eq!(refused(LIMITS, &operations), expected);
        assert_eq!(refused(LIMITS, &[(0, 1_000), (1, 1_001)]), [false, true], "the longest");
    }

    #[test]
    fn few_slow_statements_are_no_overload() {
        let overload = OverloadLimit { begins: MS * 800, then: MS * 100 };
        let limits = Limits { overload: Some(overload), ..LIMITS };
        let waiting: Vec<_> = (0..100).map(|tenth| (tenth * 10, 800)).collect();
        assert_eq!(refused(limits, &waiting), [false; 100]);
        assert_eq!(refused(limits, &[(0, 801), (100, 801)]), [false, true]);
    }

    #[test]
    fn client_with_many_statements_is_no_overload() {
        let (mut queue, began) = (Queue::default(), Instant::now());
        let of_busy_client = QueueTime { wait_of_new_client: MS * 20, ..waiting(MS * 900) };
        for tenth in 0..100 {
            assert_eq!(queue.excess(of_busy_client, LIMITS, began + MS * 10 * tenth), None);
        }
    }

    #[test]
    fn repeated_operations_do_not_prolong_an_overload() {
        // What is refused is repeated at once, so that the queue stays 50 ms long.
        let mut operations: Vec<_> = (0..101).map(|tenth| (tenth * 100, 500)).collect();
        operations.extend((101..130).map(|tenth| (tenth * 100, 50)));
        let is_refused = refused(LIMITS, &operations);
        assert_eq!(is_refused[1..101], [true; 100], "until the trial");
        assert_eq!(is_refused[101..], [false; 29], "after it");
    }

    #[test]
    fn trial_that_fails_doubles_the_time_to_the_next() {
        let overloaded: Vec<_> = (0..400).map(|tenth| (tenth * 100, 500)).collect();
        let is_refused = refused(LIMITS, &overloaded);
        assert_eq!(is_refused.iter().filter(|it| **it).count(), 399, "a trial that fails is short");
        // 10 s from 0.1 s, and 20 s from there.
        let with_a_short_queue_from = |tenth: u32| {
            let operations = (0..400).map(|it| (it * 100, if it < tenth { 500 } else { 50 }));
            let is_refused = refused(LIMITS, &operations.collect::<Vec<_>>());
            is_refused.iter().rposition(|it| *it).unwrap()
        };
        assert_eq!((with_a_short_queue_from(100), with_a_short_queue_from(102)), (100, 300));
    }

    #[test]
    fn queue_of_one_writer_may_stay_long() {
        let limits = Limits { overload: None, ..LIMITS };
        let waiting: Vec<_> = (0..100).map(|tenth| (tenth * 10, 900)).collect();
        assert_eq!(refused(limits, &waiting), [false; 100]);
        assert_eq!(refused(limits, &[(0, 1_001)]), [true]);
    }
}
