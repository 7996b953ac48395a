//! Estimate of the time that a statement will wait for a connection.

use std::time::Duration;

/// The part of the average that the latest service time is.
const LATEST: f64 = 1.0 / 16.0;

/// How long connections were held recently, on average.
#[derive(Debug, Default)]
pub(crate) struct ServiceTime(Option<f64>);

impl ServiceTime {
    pub(crate) fn record(&mut self, held: Duration) {
        let held = held.as_secs_f64();
        self.0 = Some(self.0.map_or(held, |average| average + (held - average) * LATEST));
    }

    /// The time until a statement is served behind `waiting` others, on this number of connections.
    pub(crate) fn until_served(&self, waiting: usize, connections: usize) -> Duration {
        let rounds = waiting as f64 / connections.max(1) as f64;
        Duration::try_from_secs_f64(self.0.unwrap_or_default() * rounds).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn queue_time_follows_waiting_and_service() {
        let mut service = ServiceTime::default();
        assert_eq!(service.until_served(1000, 1), Duration::ZERO, "nothing was served yet");
        service.record(SECOND);
        assert_eq!(service.until_served(0, 4), Duration::ZERO);
        assert_eq!(service.until_served(8, 4), SECOND * 2);
        assert_eq!(service.until_served(8, 0), SECOND * 8);
    }

    #[test]
    fn service_time_follows_the_recent_ones() {
        let mut service = ServiceTime::default();
        service.record(SECOND);
        service.record(SECOND * 17);
        assert_eq!(service.until_served(1, 1), SECOND * 2, "one slow statement changes little");
        for _ in 0..200 {
            service.record(SECOND * 4);
        }
        let now = service.until_served(1, 1).as_secs_f64();
        assert!((3.99..4.01).contains(&now), "{now}");
    }
}
