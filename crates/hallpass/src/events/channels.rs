//! The channels of the owners: their listeners, and their latest events, for listeners that reconnect.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{Delivered, Event, Queue};

/// Kept events of an owner.
const KEPT_EVENTS: usize = 64;
/// How long the events of an owner are kept after the last listener left: longer than clients take to reconnect.
const KEPT_FOR: Duration = Duration::from_secs(120);
/// Time between two removals of channels that were left.
const SWEEP: Duration = Duration::from_secs(30);

/// The place of an event among those of a node: its number, and the run of the node that counts it. As text,
/// `RUN-NUMBER` in hexadecimal digits, which is opaque to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    run: u64,
    number: u64,
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:x}", self.run, self.number)
    }
}

impl Sequence {
    fn parse(text: &str) -> Option<Self> {
        let (run, number) = text.split_once('-')?;
        let [run, number] = [run, number].map(|digits| u64::from_str_radix(digits, 16));
        Some(Self { run: run.ok()?, number: number.ok()? })
    }
}

/// The channels of all owners, by user ID.
pub(super) struct Channels {
    by_owner: HashMap<String, Channel>,
    /// The run of this node since events were last missed.
    run: u64,
    /// The number of events.
    count: u64,
    swept_at: Instant,
}

struct Channel {
    queues: Vec<Arc<Queue>>,
    /// The latest events, without gap.
    latest: VecDeque<Arc<Delivered>>,
    /// The number of the event before those.
    before: u64,
    /// When the last listener left, if none is there.
    left_at: Option<Instant>,
}

impl Default for Channels {
    fn default() -> Self {
        // A run is random: those of two nodes differ.
        let run = Uuid::new_v4().as_u64_pair().0;
        Self { by_owner: HashMap::new(), run, count: 0, swept_at: Instant::now() }
    }
}

impl Channels {
    /// Adds a listener, which receives the events after `since`, if it is given.
    pub(super) fn listen(&mut self, owner: &str, queue: &Arc<Queue>, since: Option<&str>) {
        let now = self.sequence(self.count);
        let channel = self.by_owner.entry(owner.to_owned()).or_insert_with(|| Channel {
            queues: Vec::new(),
            latest: VecDeque::new(),
            before: now.number,
            left_at: None,
        });
        channel.left_at = None;
        if let Some(since) = since {
            match channel.since(Sequence::parse(since), now) {
                Some(missed) => missed.for_each(|event| drop(queue.push(event))),
                None => drop(queue.push(&Delivered::resync(now))),
            }
        }
        channel.queues.push(Arc::clone(queue));
    }

    /// Removes a listener.
    pub(super) fn leave(&mut self, owner: &str, queue: &Arc<Queue>) {
        if let Some(channel) = self.by_owner.get_mut(owner) {
            channel.queues.retain(|other| !Arc::ptr_eq(other, queue));
            if channel.queues.is_empty() {
                channel.left_at = Some(Instant::now());
            }
        }
        self.sweep();
    }

    /// Number of owners with listeners.
    pub(super) fn owners(&self) -> usize {
        self.by_owner.values().filter(|channel| !channel.queues.is_empty()).count()
    }

    /// Delivers an event to the listeners of `owner`, and returns those to wake.
    pub(super) fn deliver(&mut self, owner: &str, event: Event) -> Vec<Waker> {
        let sequence = self.sequence(self.count + 1);
        let Some(channel) = self.by_owner.get_mut(owner) else { return Vec::new() };
        self.count = sequence.number;
        let delivered = Delivered::of(event, sequence);
        channel.keep(&delivered);
        channel.queues.iter().filter_map(|queue| queue.push(&delivered)).collect()
    }

    pub(super) fn into_queues(self) -> impl Iterator<Item = Arc<Queue>> {
        self.by_owner.into_values().flat_map(|channel| channel.queues)
    }

    fn sequence(&self, number: u64) -> Sequence {
        Sequence { run: self.run, number }
    }

    /// Removes the channels that were left long ago.
    fn sweep(&mut self) {
        if self.swept_at.elapsed() < SWEEP {
            return;
        }
        self.swept_at = Instant::now();
        let is_kept = |channel: &Channel| channel.left_at.is_none_or(|at| at.elapsed() < KEPT_FOR);
        self.by_owner.retain(|_, channel| is_kept(channel));
    }
}

impl Channel {
    fn keep(&mut self, event: &Arc<Delivered>) {
        if self.latest.len() == KEPT_EVENTS
            && let Some(oldest) = self.latest.pop_front()
        {
            self.before = oldest.sequence.number;
        }
        self.latest.push_back(Arc::clone(event));
    }

    /// The events after `since`. None if some of them are not kept, or if it is not of the run of `now`.
    fn since(
        &self,
        since: Option<Sequence>,
        now: Sequence,
    ) -> Option<impl Iterator<Item = &Arc<Delivered>>> {
        let since = since.filter(|since| since.run == now.run && since.number <= now.number)?;
        let is_after = move |event: &&Arc<Delivered>| event.sequence.number > since.number;
        (since.number >= self.before).then(|| self.latest.iter().filter(is_after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Change, EventKind, Events};
    use hallpass_data::UserId;

    const NOTES: EventKind = EventKind::new("note");

    fn publish(events: &Events, owner: &UserId, numbers: impl IntoIterator<Item = u128>) {
        for number in numbers {
            events.publish(owner, NOTES.event(Change::Updated, Uuid::from_u128(number)));
        }
    }

    async fn next(listener: &mut crate::events::Listener) -> (Option<u128>, String) {
        let delivered = listener.next().await.unwrap();
        let id = NOTES.id_of::<Uuid>(&delivered.event).map(|id| id.as_u128());
        (id, delivered.sequence.to_string())
    }

    #[tokio::test]
    async fn reconnected_listener_receives_missed_events() {
        let (events, alice) = (Events::default(), UserId::new("alice").unwrap());
        let mut first = events.listen(&alice);
        publish(&events, &alice, [1]);
        let (_, since) = next(&mut first).await;
        drop(first);
        publish(&events, &alice, [2, 3]);
        publish(&events, &UserId::new("bob").unwrap(), [9]);
        let mut again = events.listen_since(&alice, Some(&since));
        publish(&events, &alice, [4]);
        for expected in [2, 3, 4] {
            assert_eq!(next(&mut again).await.0, Some(expected));
        }
        let mut fresh = events.listen(&alice);
        publish(&events, &alice, [5]);
        assert_eq!(next(&mut fresh).await.0, Some(5), "without `since`, only later ones");
    }

    #[tokio::test]
    async fn unknown_sequence_asks_to_resync() {
        let (events, alice) = (Events::default(), UserId::new("alice").unwrap());
        let mut first = events.listen(&alice);
        publish(&events, &alice, [1]);
        let (_, since) = next(&mut first).await;
        publish(&events, &alice, 2..100);
        let other_run = Sequence { run: 1, number: 1 }.to_string();
        let (run, _) = since.split_once('-').unwrap();
        let future = format!("{run}-ffff");
        for since in [since.as_str(), &other_run, &future, "", "-", "x-1", "1"] {
            let mut again = events.listen_since(&alice, Some(since));
            let (id, now) = next(&mut again).await;
            assert_eq!(id, None, "{since}");
            let mut later = events.listen_since(&alice, Some(&now));
            publish(&events, &alice, [7]);
            assert_eq!(next(&mut later).await.0, Some(7), "the sequence of a resync is valid");
        }
    }

    #[tokio::test]
    async fn missed_events_of_other_nodes_ask_to_resync() {
        let (events, alice) = (Events::default(), UserId::new("alice").unwrap());
        let mut first = events.listen(&alice);
        publish(&events, &alice, [1]);
        let (_, since) = next(&mut first).await;
        events.disconnect_all();
        let mut again = events.listen_since(&alice, Some(&since));
        assert_eq!(next(&mut again).await.0, None);
    }
}
