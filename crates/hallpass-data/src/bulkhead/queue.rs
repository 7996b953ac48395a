//! The queue for connections, as far as the next statement of a caller waits in it.

use std::hash::BuildHasher as _;
use std::time::{Duration, Instant};

use super::{Bulkhead, Class, Client, ClientHash, Group, Limits, Share, State, Waiter};
use crate::queue_time::{Queue, QueueTime, SLOW};

/// A class of which no statement ends for this time waits for a lock, most likely.
pub(super) const STUCK: Duration = Duration::from_millis(100);

impl Bulkhead {
    /// How long the next statement of `client` waits for a permit, by estimate. Anonymous callers do not delay signed-in
    /// ones, who have the rest of the connections. They count as behind those who wait: the connections that they would
    /// hold are what signed-in callers wait for.
    pub(crate) fn queue_time(&self, client: impl FnOnce() -> Client) -> QueueTime {
        let state = self.state();
        if state.waiting.is_empty() {
            return QueueTime::default();
        }
        let client = client();
        let hash = ClientHash(self.hasher.hash_one(&client));
        let is_anonymous = !matches!(client, Client::Caller(_));
        let group = if is_anonymous { Group::Other(hash) } else { Group::Caller(hash) };
        let own = state.counters.waiting(Share { group, class: None });
        let queue = |is_anonymous, own| state.queue(self.limits, is_anonymous, own);
        let of_new = queue(is_anonymous, Some(0));
        let of_class = if own == 0 { of_new } else { queue(is_anonymous, Some(own)) };
        let before = is_anonymous.then(|| state.times.until_served(queue(false, None)));
        let wait = |queue| state.times.until_served(queue).max(before.unwrap_or_default());
        let service = (!self.limits.one_writer).then(|| state.times.service(of_class));
        QueueTime { wait: wait(of_class), wait_of_new_client: wait(of_new), service }
    }
}

impl State {
    /// A statement of this class has held a connection.
    pub(super) fn served(&mut self, client: &Client, class: Class, held: Duration) {
        self.times.served(client, held);
        if held >= SLOW {
            self.blocked.insert(class);
        } else if !self.blocked.is_empty() {
            self.blocked.remove(&class);
        }
    }

    /// The queue that the next statement waits in. While a table is locked, the statements on it wait for the lock, and
    /// those on other tables pass them: they have the connections that it leaves.
    ///
    /// The next statement is of a client of the class with `own` other statements that wait. Of another client at most as
    /// many and one come before it, since the least recently served client is next.
    fn queue(&self, limits: Limits, is_anonymous: bool, own: Option<usize>) -> Queue {
        let is_full = |group| {
            let share = Share { group, class: None };
            self.counters.held(share) >= limits.of(share)
        };
        let is_full = is_full(Group::Callers) || (is_anonymous && is_full(Group::Anonymous));
        let mut blocked = self.blocked.clone();
        blocked.extend(self.counters.stuck(STUCK, Instant::now()));
        let all = self.held(None, is_anonymous);
        let held = blocked.iter().map(|class| self.held(Some(*class), is_anonymous));
        let flowing = all.saturating_sub(held.sum());
        let is_blocked = is_full && flowing == 0;
        let is_ahead = |waiter: &&Waiter| match waiter.client {
            Client::Server => false,
            _ if waiter.granted.is_closed() => false,
            // For an operation of its own client only.
            _ if self.counters.is_own_limit_reached(&waiter.places) => false,
            _ if !is_blocked && blocked.contains(&waiter.class) => false,
            Client::Anonymous(_) => is_anonymous,
            Client::Caller(_) => !is_anonymous,
        };
        let share_ahead = |waiter: &Waiter| {
            let (turns, of_client) = (own? + 1, self.counters.waiting_of_client(&waiter.places));
            Some((turns as f64 / of_client.max(1) as f64).min(1.0))
        };
        let ahead = self.waiting.iter().filter(is_ahead);
        let waiting = ahead.map(|waiter| share_ahead(waiter).unwrap_or(1.0)).sum();
        let held = if is_blocked { all } else { flowing };
        Queue { is_anonymous, waiting, held, is_full, is_blocked }
    }

    /// The permits of anonymous or signed-in callers, or those for one class of work.
    fn held(&self, class: Option<Class>, is_anonymous: bool) -> usize {
        let of = |group| self.counters.held(Share { group, class });
        let anonymous = of(Group::Anonymous);
        match (is_anonymous, class) {
            (true, _) => anonymous,
            (false, None) => of(Group::Callers).saturating_sub(anonymous),
            (false, Some(_)) => of(Group::All).saturating_sub(anonymous),
        }
    }
}
