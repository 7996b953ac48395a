//! The queue for connections, as far as the next statement of a caller waits in it.

use std::time::Duration;

use super::{Bulkhead, Class, Client, Group, Limits, Share, State, Waiter};
use crate::queue_time::{Queue, SLOW};

impl Bulkhead {
    /// How long the next statement of an anonymous or a signed-in caller waits for a permit, by estimate. Anonymous
    /// callers do not delay signed-in ones, who have the rest of the connections. They count as behind those who wait: the
    /// connections that they would hold are what signed-in callers wait for.
    pub(crate) fn queue_time(&self, is_anonymous: bool) -> Duration {
        let state = self.state();
        if state.waiting.is_empty() {
            return Duration::ZERO;
        }
        let of = |class| state.times.until_served(state.queue(self.limits, class));
        match is_anonymous {
            true => of(true).max(of(false)),
            false => of(false),
        }
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
    fn queue(&self, limits: Limits, is_anonymous: bool) -> Queue {
        let is_full = |group| {
            let share = Share { group, class: None };
            self.counters.held(share) >= limits.of(share)
        };
        let is_full = is_full(Group::Callers) || (is_anonymous && is_full(Group::Anonymous));
        let all = self.held(None, is_anonymous);
        let blocked = self.blocked.iter().map(|class| self.held(Some(*class), is_anonymous));
        let flowing = all.saturating_sub(blocked.sum());
        let is_blocked = is_full && flowing == 0;
        let is_ahead = |waiter: &&Waiter| match waiter.client {
            Client::Server => false,
            _ if waiter.granted.is_closed() => false,
            _ if !is_blocked && self.blocked.contains(&waiter.class) => false,
            Client::Anonymous(_) => is_anonymous,
            Client::Caller(_) => !is_anonymous,
        };
        let waiting = self.waiting.iter().filter(is_ahead).count();
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
