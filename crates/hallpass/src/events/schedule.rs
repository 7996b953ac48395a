//! Events that occur at a time, without a change of a row. On each node, the subscriptions of an owner share a timer for
//! the next one.

use std::any::TypeId;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use hallpass_data::{Error, Timestamp, now};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use uuid::Uuid;

use super::{Event, Events};

/// How often the system clock is checked: monotonic timers stop while a virtual machine is paused.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// Time between two attempts to read the next event.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// An event that occurs at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// The time.
    pub at: Timestamp,
    /// The event, of the row that has this time.
    pub event: Event,
}

/// The events of an owner that occur at a time. All schedules of a type and an owner must have the same events.
pub trait Schedule: Send + Sync + 'static {
    /// Whether the next event may be another one after this change.
    fn is_changed_by(change: &Event) -> bool;

    /// The first event after this time; of those at this time, after the one of the row with this ID. A past event is
    /// left out if its row was changed after the event's time: subscribers receive that change.
    ///
    /// It is read when the first subscription begins, after changes, and when the time of an event has come.
    fn next(
        &self,
        after: (Timestamp, Uuid),
    ) -> impl Future<Output = Result<Option<Scheduled>, Error>> + Send;
}

/// The timer that subscriptions of an owner share. It ends with the last of them.
pub(super) struct Timer {
    pub(super) schedule: TypeId,
    is_changed_by: fn(&Event) -> bool,
    changed: Arc<Notify>,
    task: AbortHandle,
}

impl Timer {
    /// Delivers the events of `schedule` from now on.
    pub(super) fn start<S: Schedule>(events: Events, owner: String, schedule: S) -> Arc<Self> {
        let changed = Arc::<Notify>::default();
        let task = tokio::spawn(deliver(events, owner, schedule, Arc::clone(&changed)));
        let task = task.abort_handle();
        let (schedule, is_changed_by) = (TypeId::of::<S>(), S::is_changed_by);
        Arc::new(Self { schedule, is_changed_by, changed, task })
    }

    /// A row was changed: the next event may be another one.
    pub(super) fn note(&self, change: &Event) {
        if (self.is_changed_by)(change) {
            self.changed.notify_one();
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn deliver<S: Schedule>(events: Events, owner: String, schedule: S, changed: Arc<Notify>) {
    let mut upcoming = Upcoming { schedule, after: (now(), Uuid::max()), state: State::Unread };
    loop {
        tokio::select! {
            biased;
            () = changed.notified() => upcoming.state = State::Unread,
            event = upcoming.next() => events.deliver_scheduled(&owner, TypeId::of::<S>(), event),
        }
    }
}

/// The next event of a schedule.
struct Upcoming<S> {
    schedule: S,
    /// The time and the row of the last event.
    after: (Timestamp, Uuid),
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// The next event must be read.
    Unread,
    /// There is none.
    Empty,
    /// It is at this time.
    Waiting(Timestamp),
}

impl<S: Schedule> Upcoming<S> {
    /// The next event, when its time has come. It is read once more then: its row may have changed on another node,
    /// whose event has not arrived. Cancel-safe.
    async fn next(&mut self) -> Event {
        loop {
            match self.state {
                State::Unread => match self.schedule.next(self.after).await {
                    Ok(Some(Scheduled { at, event })) if at < now() => {
                        self.after = (at, event.row.id);
                        return event;
                    }
                    Ok(Some(Scheduled { at, .. })) => self.state = State::Waiting(at),
                    Ok(None) => self.state = State::Empty,
                    Err(error) => {
                        tracing::debug!(?error, "the schedule of subscriptions cannot be read");
                        sleep(RETRY_DELAY).await;
                    }
                },
                State::Empty => pending().await,
                State::Waiting(at) => {
                    wait_until(at).await;
                    self.state = State::Unread;
                }
            }
        }
    }
}

/// Waits until the system clock has this time.
async fn wait_until(time: Timestamp) {
    // An error is a negative duration: the time has passed.
    while let Ok(left) = (time - now()).to_std()
        && !left.is_zero()
    {
        sleep(left.min(CHECK_INTERVAL)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono::TimeDelta;

    use super::super::{Change, EventKind};
    use super::*;

    /// Answers each read with the last of these answers, and removes it; without one, there is no event.
    struct Answers(Mutex<Vec<Result<Scheduled, Error>>>);

    impl Schedule for Answers {
        fn is_changed_by(_: &Event) -> bool {
            false
        }

        async fn next(&self, _: (Timestamp, Uuid)) -> Result<Option<Scheduled>, Error> {
            self.0.lock().unwrap().pop().transpose()
        }
    }

    fn upcoming(answers: Vec<Result<Scheduled, Error>>) -> Upcoming<Answers> {
        let (schedule, after) = (Answers(Mutex::new(answers)), (now(), Uuid::max()));
        Upcoming { schedule, after, state: State::Unread }
    }

    fn scheduled(at: Timestamp) -> Scheduled {
        Scheduled { at, event: EventKind::new("note").event(Change::Updated, Uuid::from_u128(7)) }
    }

    #[tokio::test(start_paused = true)]
    async fn failed_read_is_repeated() {
        let past = scheduled(now() - TimeDelta::seconds(1));
        let mut upcoming = upcoming(vec![Ok(past.clone()), Err(Error::Unauthenticated)]);
        assert_eq!(upcoming.next().await, past.event);
        assert_eq!(upcoming.after, (past.at, Uuid::from_u128(7)));
    }

    #[tokio::test]
    async fn event_whose_row_has_changed_is_left_out() {
        let soon = scheduled(now() + TimeDelta::milliseconds(20));
        let mut upcoming = upcoming(vec![Ok(soon)]);
        let never = tokio::time::timeout(Duration::from_millis(100), upcoming.next()).await;
        assert!(never.is_err(), "{never:?}");
    }
}
