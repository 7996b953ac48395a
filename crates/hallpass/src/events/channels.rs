//! The channels of the owners: their listeners, and their latest events, for listeners that reconnect.

use std::any::TypeId;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::schedule::Timer;
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
    /// Those of the listeners.
    timers: Vec<Weak<Timer>>,
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
            timers: Vec::new(),
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

    /// The timer of a schedule that listeners of `owner` share, which `start` starts if there is none.
    pub(super) fn timer(
        &mut self,
        owner: &str,
        schedule: TypeId,
        start: impl FnOnce() -> Arc<Timer>,
    ) -> Arc<Timer> {
        let Some(channel) = self.by_owner.get_mut(owner) else { return start() };
        channel.timers.retain(|timer| timer.strong_count() > 0);
        let mut running = channel.timers.iter().filter_map(Weak::upgrade);
        running.find(|timer| timer.schedule == schedule).unwrap_or_else(|| {
            let timer = start();
            channel.timers.push(Arc::downgrade(&timer));
            timer
        })
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
        // Also counted without a channel: a listener who comes back to a removed one has missed it.
        self.count += 1;
        let sequence = self.sequence(self.count);
        let Some(channel) = self.by_owner.get_mut(owner) else { return Vec::new() };
        channel.timers.iter().filter_map(Weak::upgrade).for_each(|timer| timer.note(&event));
        let delivered = Delivered::of(event, sequence);
        channel.keep(&delivered);
        channel.queues.iter().filter_map(|queue| queue.push(&delivered)).collect()
    }

    /// Delivers an event of a schedule to the listeners of `owner` that have it, and returns those to wake. It is not
    /// kept, and has the place of the event before it: a listener who comes back receives those after it.
    pub(super) fn deliver_scheduled(
        &mut self,
        owner: &str,
        schedule: TypeId,
        event: Event,
    ) -> Vec<Waker> {
        let Some(channel) = self.by_owner.get(owner) else { return Vec::new() };
        let delivered = Delivered::scheduled(event, self.sequence(self.count));
        let queues = channel.queues.iter().filter(|queue| queue.schedule == Some(schedule));
        queues.filter_map(|queue| queue.push(&delivered)).collect()
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
    use super::super::{Change, EventKind};
    use super::*;

    fn event() -> Event {
        EventKind::new("note").event(Change::Created, Uuid::nil())
    }

    /// The events in the queue of a new listener, and whether each is a resync.
    fn received(channels: &mut Channels, since: &str) -> Vec<bool> {
        let queue = Arc::<Queue>::default();
        channels.listen("alice", &queue, Some(since));
        channels.leave("alice", &queue);
        queue.state().events.iter().map(|event| event.is_resync()).collect()
    }

    #[test]
    fn removed_channel_has_missed_later_events() {
        let mut channels = Channels::default();
        channels.listen("alice", &Arc::default(), None);
        channels.deliver("alice", event());
        let since = channels.sequence(channels.count).to_string();
        channels.deliver("alice", event());
        assert_eq!(received(&mut channels, &since), [false], "the missed event");

        let since = channels.sequence(channels.count).to_string();
        assert_eq!(received(&mut channels, &since), [false; 0], "nothing is missed");
        channels.by_owner.clear();
        assert_eq!(received(&mut channels, &since), [false; 0], "nothing is missed");
        channels.by_owner.clear();
        channels.deliver("alice", event());
        assert_eq!(received(&mut channels, &since), [true]);
    }

    #[test]
    fn channel_is_removed_long_after_it_is_left() {
        let mut channels = Channels::default();
        let queue = Arc::<Queue>::default();
        channels.listen("alice", &queue, None);
        channels.listen("bob", &Arc::default(), None);
        channels.leave("alice", &queue);
        channels.swept_at = channels.swept_at.checked_sub(SWEEP).unwrap();
        channels.sweep();
        assert_eq!(channels.by_owner.len(), 2, "its listener may come back");
        let left_at = Instant::now().checked_sub(KEPT_FOR);
        channels.by_owner.get_mut("alice").unwrap().left_at = left_at;
        channels.swept_at = channels.swept_at.checked_sub(SWEEP).unwrap();
        channels.sweep();
        assert_eq!(channels.by_owner.keys().collect::<Vec<_>>(), ["bob"]);
    }
}
