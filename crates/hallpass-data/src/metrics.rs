//! Metrics of connections and statements, and the time that one request spends in the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The time that the work of one request spends in the database: waiting for connections, statements, and
/// making commits durable. Those that run at the same time count each.
#[derive(Clone, Debug, Default)]
pub struct DatabaseTime(Arc<AtomicU64>);

impl DatabaseTime {
    /// Measures until it is dropped: also what fails, or is cancelled.
    pub(crate) fn measure(&self) -> Measured {
        Measured { began: Instant::now(), time: self.clone() }
    }

    /// The time so far.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Adds the time since it was created when it is dropped.
pub(crate) struct Measured {
    began: Instant,
    time: DatabaseTime,
}

impl Measured {
    /// The time so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let nanoseconds = u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.time.0.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// The metrics of one pool; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseMetrics {
    in_use: Gauge,
    waiting: Gauge,
    acquire_seconds: Histogram,
    statement_seconds: Histogram,
    statements: Family<Outcome, Counter>,
    succeeded: Counter,
    failed: Counter,
}

impl Default for DatabaseMetrics {
    fn default() -> Self {
        let statements = Family::<Outcome, Counter>::default();
        // Both exist from the start, so that the first failure shows as an increase.
        let of = |outcome| statements.get_or_create(&Outcome { outcome }).clone();
        let (succeeded, failed) = (of("succeeded"), of("failed"));
        // From 50 microseconds to about three seconds.
        let histogram = || Histogram::new(exponential_buckets(0.00005, 3.0, 11));
        Self {
            in_use: Gauge::default(),
            waiting: Gauge::default(),
            acquire_seconds: histogram(),
            statement_seconds: histogram(),
            statements,
            succeeded,
            failed,
        }
    }
}

/// A statement or a transaction that waits for a permit, until it is dropped.
pub(crate) struct Waiting {
    began: Instant,
    seconds: Histogram,
    _counted: Counted,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.seconds.observe(self.began.elapsed().as_secs_f64());
    }
}

/// Decrements a gauge when it is dropped.
pub(crate) struct Counted(Gauge);

impl Counted {
    fn of(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl DatabaseMetrics {
    pub(crate) fn register(&self, connections: u32, registry: &mut Registry) {
        let limit = Gauge::<i64>::default();
        limit.set(connections.into());
        registry.register("hallpass_db_connections_limit", "DATABASE_CONNECTIONS", limit);
        registry.register(
            "hallpass_db_connections_in_use",
            "Connections that run a statement or a transaction",
            self.in_use.clone(),
        );
        registry.register(
            "hallpass_db_connections_waiting",
            "Statements and transactions that wait for a connection",
            self.waiting.clone(),
        );
        registry.register(
            "hallpass_db_acquire_duration_seconds",
            "Time that a statement or a transaction waits for a connection",
            self.acquire_seconds.clone(),
        );
        registry.register(
            "hallpass_db_statement_duration_seconds",
            "Time from sending a statement to its last row",
            self.statement_seconds.clone(),
        );
        registry.register(
            "hallpass_db_statements",
            "Statements, by outcome",
            self.statements.clone(),
        );
    }

    /// Counts one that waits, until it is dropped.
    pub(crate) fn waiting(&self) -> Waiting {
        let seconds = self.acquire_seconds.clone();
        Waiting { began: Instant::now(), seconds, _counted: Counted::of(&self.waiting) }
    }

    /// Counts a connection in use, until it is dropped.
    pub(crate) fn in_use(&self) -> Counted {
        Counted::of(&self.in_use)
    }

    pub(crate) fn statement(&self, took: Duration, failed: bool) {
        self.statement_seconds.observe(took.as_secs_f64());
        match failed {
            true => self.failed.inc(),
            false => self.succeeded.inc(),
        };
    }
}
