//! Estimate of the time that a statement will wait for a connection.

use std::time::Duration;

use crate::bulkhead::Client;

/// The part of an average that the latest value is.
const LATEST: f64 = 1.0 / 16.0;

/// Statements that hold a connection for this long wait for a lock, most likely.
pub(crate) const SLOW: Duration = Duration::from_millis(500);

/// How long the next statement of a client waits for a connection, by estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueTime {
    /// Until it has a connection.
    pub wait: Duration,
    /// The same for a client without another statement that waits.
    pub wait_of_new_client: Duration,
    /// How long a statement has held a connection recently, on average. None while no statement waits, and on a database
    /// with one writer at a time, whose writers wait for each other even if there is no overload.
    pub service: Option<Duration>,
}

/// The average of recent values; none before the first.
#[derive(Debug, Default)]
struct Average(Option<f64>);

impl Average {
    fn record(&mut self, value: f64) {
        self.0 = Some(self.0.map_or(value, |average| average + (value - average) * LATEST));
    }

    fn get(&self) -> f64 {
        self.0.unwrap_or_default()
    }
}

/// Recent statements of callers.
#[derive(Debug, Default)]
pub(crate) struct QueueTimes {
    /// How long they held a connection, in seconds.
    service: Average,
    /// The same, without slow ones.
    quick_service: Average,
    /// The share of those of anonymous callers that waited for one.
    of_anonymous: Average,
    /// The share of those of signed-in callers that waited for one.
    of_callers: Average,
}

/// The queue of one class of callers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue {
    pub(crate) is_anonymous: bool,
    /// Statements that are served before the next one. Unless all is blocked, without those that wait for a lock.
    pub(crate) waiting: f64,
    /// Connections that the class holds; of blocked statements likewise.
    pub(crate) held: usize,
    /// Whether none is free for it.
    pub(crate) is_full: bool,
    /// Whether statements that wait for a lock hold all of them.
    pub(crate) is_blocked: bool,
}

impl QueueTimes {
    pub(crate) fn served(&mut self, client: &Client, held: Duration) {
        if *client != Client::Server {
            self.service.record(held.as_secs_f64());
            if held < SLOW {
                self.quick_service.record(held.as_secs_f64());
            }
        }
    }

    pub(crate) fn granted(&mut self, client: &Client, waited: bool) {
        let waited = f64::from(u8::from(waited));
        match client {
            Client::Anonymous(_) => self.of_anonymous.record(waited),
            Client::Caller(_) => self.of_callers.record(waited),
            Client::Server => {}
        }
    }

    /// The time until the next statement has a connection. While one is free, the others wait for their tables. The
    /// table of the next statement is not known, so that it counts by how many of the recent ones waited: most do for one
    /// that all operations read.
    pub(crate) fn until_served(&self, queue: Queue) -> Duration {
        let of_class = if queue.is_anonymous { &self.of_anonymous } else { &self.of_callers };
        let share = if queue.is_full { 1.0 } else { of_class.get() };
        let rounds = queue.waiting / queue.held.max(1) as f64;
        self.service(queue).mul_f64(rounds * share)
    }

    /// How long a statement of the queue holds a connection.
    pub(crate) fn service(&self, queue: Queue) -> Duration {
        let service = if queue.is_blocked { &self.service } else { &self.quick_service };
        Duration::from_secs_f64(service.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const QUEUE: Queue =
        Queue { is_anonymous: true, waiting: 8.0, held: 4, is_full: true, is_blocked: true };

    fn anonymous() -> Client {
        Client::Anonymous([192, 0, 2, 1].into())
    }

    #[test]
    fn queue_time_follows_waiting_and_service() {
        let mut times = QueueTimes::default();
        assert_eq!(times.until_served(QUEUE), Duration::ZERO, "nothing was served yet");
        times.served(&anonymous(), SECOND);
        times.served(&Client::Server, SECOND * 100);
        assert_eq!(times.until_served(Queue { waiting: 0.0, ..QUEUE }), Duration::ZERO);
        assert_eq!(times.until_served(QUEUE), SECOND * 2);
        assert_eq!(times.until_served(Queue { held: 0, ..QUEUE }), SECOND * 8);
        times.served(&anonymous(), SECOND * 17);
        assert_eq!(times.until_served(QUEUE), SECOND * 4, "one slow statement changes little");
    }

    #[test]
    fn one_table_counts_by_the_share_that_waited() {
        let mut times = QueueTimes::default();
        let queue = Queue { is_full: false, is_blocked: false, ..QUEUE };
        times.served(&anonymous(), SECOND * 100);
        times.served(&anonymous(), SECOND / 4);
        times.granted(&Client::Caller("a".into()), true);
        assert_eq!(times.until_served(queue), Duration::ZERO);
        for _ in 0..200 {
            times.granted(&anonymous(), true);
        }
        assert_eq!((times.until_served(queue).as_secs_f64() * 10.0).round(), 5.0);
        for _ in 0..50 {
            times.granted(&anonymous(), false);
        }
        assert!(times.until_served(queue) < SECOND / 20, "most do not wait");
    }
}
