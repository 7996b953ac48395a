//! Estimate of the time that a statement will wait for a connection.

use std::time::Duration;

use crate::bulkhead::Client;

/// The part of an average that the latest time is.
const LATEST: f64 = 1.0 / 16.0;

/// The average of recent times.
#[derive(Debug, Default)]
struct Average(Option<f64>);

impl Average {
    fn record(&mut self, time: Duration) {
        let time = time.as_secs_f64();
        self.0 = Some(self.0.map_or(time, |average| average + (time - average) * LATEST));
    }

    fn times(&self, factor: f64) -> Duration {
        Duration::try_from_secs_f64(self.0.unwrap_or_default() * factor).unwrap_or(Duration::MAX)
    }
}

/// What statements of callers took recently.
#[derive(Debug, Default)]
pub(crate) struct QueueTimes {
    /// How long they held a connection.
    service: Average,
    /// How long those of anonymous callers waited for one.
    of_anonymous: Average,
    /// How long those of signed-in callers waited for one.
    of_callers: Average,
}

/// The queue of one class of callers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue {
    pub(crate) is_anonymous: bool,
    /// Waiting statements.
    pub(crate) waiting: usize,
    /// The connections of the class.
    pub(crate) connections: usize,
    /// Whether none of them is free.
    pub(crate) is_full: bool,
}

impl QueueTimes {
    pub(crate) fn served(&mut self, client: &Client, held: Duration) {
        if *client != Client::Server {
            self.service.record(held);
        }
    }

    pub(crate) fn granted(&mut self, client: &Client, waited: Duration) {
        match client {
            Client::Anonymous(_) => self.of_anonymous.record(waited),
            Client::Caller(_) => self.of_callers.record(waited),
            Client::Server => {}
        }
    }

    /// The time until the next statement has a connection. While one is free, the others wait for one table. Of its
    /// table nothing is known, so that it is what recent statements of all tables waited: a locked table delays few.
    pub(crate) fn until_served(&self, queue: Queue) -> Duration {
        let waits = if queue.is_anonymous { &self.of_anonymous } else { &self.of_callers };
        match (queue.waiting, queue.is_full) {
            (0, _) => Duration::ZERO,
            (_, false) => waits.times(1.0),
            (waiting, true) => self.service.times(waiting as f64 / queue.connections.max(1) as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const QUEUE: Queue = Queue { is_anonymous: true, waiting: 8, connections: 4, is_full: true };

    fn anonymous() -> Client {
        Client::Anonymous([192, 0, 2, 1].into())
    }

    #[test]
    fn full_pool_is_waited_for_by_its_length() {
        let mut times = QueueTimes::default();
        assert_eq!(times.until_served(QUEUE), Duration::ZERO, "nothing was served yet");
        times.served(&anonymous(), SECOND);
        times.served(&Client::Server, SECOND * 100);
        assert_eq!(times.until_served(Queue { waiting: 0, ..QUEUE }), Duration::ZERO);
        assert_eq!(times.until_served(QUEUE), SECOND * 2);
        assert_eq!(times.until_served(Queue { connections: 0, ..QUEUE }), SECOND * 8);
        times.served(&anonymous(), SECOND * 17);
        assert_eq!(times.until_served(QUEUE), SECOND * 4, "one slow statement changes little");
    }

    #[test]
    fn one_table_is_waited_for_as_recently() {
        let mut times = QueueTimes::default();
        let queue = Queue { is_full: false, ..QUEUE };
        times.served(&anonymous(), SECOND);
        assert_eq!(times.until_served(queue), Duration::ZERO);
        times.granted(&Client::Caller("a".into()), SECOND * 5);
        for _ in 0..200 {
            times.granted(&anonymous(), SECOND * 2);
        }
        assert_eq!(times.until_served(queue).as_secs_f64().round(), 2.0);
        assert_eq!(times.until_served(Queue { waiting: 0, ..queue }), Duration::ZERO);
        for _ in 0..50 {
            times.granted(&anonymous(), Duration::ZERO);
        }
        assert!(times.until_served(queue) < SECOND / 5, "most do not wait");
    }
}
