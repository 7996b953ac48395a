//! Event bus: changes are published after their commit, and received by their owner's subscribers.
//!
//! Each owner has a channel, so that subscribers can neither receive events of other users nor be woken by them. One more
//! channel is for events of rows that every caller may see. Events contain only IDs: the row is read under the owner's
//! scope, once for all listeners on this node ([`Delivered::once`]). Events are not stored.
//! [`event_bridge`](crate::cluster::event_bridge) forwards them to other nodes. A [`Schedule`] adds events that occur at
//! a time.

mod channels;
mod schedule;

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hallpass_data::UserId;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::{OnceCell, broadcast};
use uuid::Uuid;

use channels::Channels;
pub use channels::Sequence;
use schedule::Timer;
pub use schedule::{Schedule, Scheduled};

/// The channel of events for every caller. No user has an empty ID.
const EVERY_CALLER: &str = "";
/// Buffered events per listener. One mutation can publish a hundred. A listener that falls further behind lags.
const QUEUE_CAPACITY: usize = 256;
/// Buffered events for other nodes.
const OUTBOUND_CAPACITY: usize = 4096;

/// Kind of change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The row was created.
    Created,
    /// The row was changed.
    Updated,
    /// The row was deleted.
    Deleted,
}

/// Type of the rows of an event, such as `note`. A domain has a constant for each.
///
/// ```
/// use hallpass::events::{Change, EventKind};
/// use uuid::Uuid;
///
/// const NOTES: EventKind = EventKind::new("note");
/// const TAGS: EventKind = EventKind::new("tag");
///
/// let event = NOTES.event(Change::Created, Uuid::from_u128(7));
/// assert_eq!(NOTES.id_of(&event), Some(Uuid::from_u128(7)));
/// assert_eq!(TAGS.id_of::<Uuid>(&event), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind(&'static str);

impl EventKind {
    /// The kind with this name, which nodes send each other: it must stay the same.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// The event of a change of the row with this ID.
    #[must_use]
    pub fn event(self, change: Change, id: impl Into<Uuid>) -> Event {
        Event { change, row: EventRow { kind: Cow::Borrowed(self.0), id: id.into() } }
    }

    /// The ID of the row of `event`, if it is of this kind.
    #[must_use]
    pub fn id_of<Id: From<Uuid>>(self, event: &Event) -> Option<Id> {
        (event.row.kind == self.0).then(|| event.row.id.into())
    }
}

/// The row of an event. Serialized as `{"note": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    kind: Cow<'static, str>,
    id: Uuid,
}

impl Serialize for EventRow {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        BTreeMap::from([(&self.kind, self.id)]).serialize(to)
    }
}

impl<'de> Deserialize<'de> for EventRow {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut entries = BTreeMap::<String, Uuid>::deserialize(from)?;
        match (entries.pop_first(), entries.is_empty()) {
            (Some((kind, id)), true) => Ok(Self { kind: kind.into(), id }),
            _ => Err(D::Error::custom("expected one kind and ID")),
        }
    }
}

/// A change of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Kind of change.
    pub change: Change,
    /// The changed row.
    pub row: EventRow,
}

type Shared = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

/// Why an event is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It was published.
    Published,
    /// Events may have been missed.
    Missed,
    /// Its time has come.
    Scheduled,
}

/// An event, shared by all listeners of its owner on this node.
#[derive(Debug)]
pub struct Delivered {
    /// The event.
    pub event: Event,
    /// Its place among the events of this node, from which a subscriber can go on.
    pub sequence: Sequence,
    cause: Cause,
    shared: Mutex<HashMap<TypeId, Shared>>,
}

impl Delivered {
    fn of(event: Event, sequence: Sequence) -> Arc<Self> {
        Self::because(Cause::Published, event, sequence)
    }

    fn because(cause: Cause, event: Event, sequence: Sequence) -> Arc<Self> {
        Arc::new(Self { event, sequence, cause, shared: Mutex::default() })
    }

    /// The event of a subscriber who may have missed events before `sequence`.
    fn resync(sequence: Sequence) -> Arc<Self> {
        let row = EventRow { kind: Cow::Borrowed(""), id: Uuid::nil() };
        Self::because(Cause::Missed, Event { change: Change::Updated, row }, sequence)
    }

    /// The event of a schedule, after the one with `sequence`.
    fn scheduled(event: Event, sequence: Sequence) -> Arc<Self> {
        Self::because(Cause::Scheduled, event, sequence)
    }

    /// Whether events may have been missed: the subscriber reads the rows again. Then the event is of no row.
    #[must_use]
    pub fn is_resync(&self) -> bool {
        self.cause == Cause::Missed
    }

    /// Whether the event is one of a [`Schedule`]. Then no row has changed.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.cause == Cause::Scheduled
    }

    /// Returns the result of `read`, which runs once per type `T` for all listeners. The result must depend only on the
    /// owner and the event: all listeners belong to the owner.
    pub async fn once<T, F>(&self, read: impl FnOnce() -> F) -> Arc<T>
    where
        T: Send + Sync + 'static,
        F: Future<Output = T>,
    {
        let cell = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry(TypeId::of::<T>()).or_default())
        };
        let read = async || Arc::new(read().await) as Arc<dyn Any + Send + Sync>;
        let value = Arc::clone(cell.get_or_init(read).await);
        value.downcast().expect("values are stored by their type")
    }
}

/// The listener lagged, and events were dropped. Its data is out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged;

/// The events that one listener has not yet received. Allocates nothing while there are none: most listeners are idle.
#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    /// The schedule whose events it takes too.
    schedule: Option<TypeId>,
}

#[derive(Default)]
struct QueueState {
    events: VecDeque<Arc<Delivered>>,
    /// Whether events were dropped, after those in the queue.
    is_lagged: bool,
    /// The waiting listener.
    waker: Option<Waker>,
}

impl Queue {
    /// Adds an event, and returns the listener to wake.
    fn push(&self, event: &Arc<Delivered>) -> Option<Waker> {
        let mut state = self.state();
        if state.is_lagged {
            return None;
        }
        if state.events.len() == QUEUE_CAPACITY {
            state.events = VecDeque::new();
            state.is_lagged = true;
        } else {
            state.events.push_back(Arc::clone(event));
        }
        state.waker.take()
    }

    /// Ends the queue after its events, and returns the listener to wake.
    fn lag(&self) -> Option<Waker> {
        let mut state = self.state();
        state.is_lagged = true;
        state.waker.take()
    }

    fn poll_next(&self, cx: &Context<'_>) -> Poll<Result<Arc<Delivered>, Lagged>> {
        let mut state = self.state();
        match state.events.pop_front() {
            Some(event) => {
                if state.events.is_empty() {
                    state.events = VecDeque::new();
                }
                Poll::Ready(Ok(event))
            }
            None if state.is_lagged => Poll::Ready(Err(Lagged)),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Event bus. Cheap to clone: clones share the channels.
#[derive(Clone)]
pub struct Events {
    channels: Arc<Mutex<Channels>>,
    outbound: broadcast::Sender<(String, Event)>,
}

impl Default for Events {
    fn default() -> Self {
        Self { channels: Arc::default(), outbound: broadcast::Sender::new(OUTBOUND_CAPACITY) }
    }
}

impl Events {
    /// Publishes an event to the listeners of `owner`. Never blocks: slow listeners lag.
    pub fn publish(&self, owner: &UserId, event: Event) {
        self.publish_in(owner.as_str(), event);
    }

    /// Publishes an event to every caller that listens to such events: of rows that every caller may see.
    pub fn publish_to_all(&self, event: Event) {
        self.publish_in(EVERY_CALLER, event);
    }

    fn publish_in(&self, channel: &str, event: Event) {
        self.deliver(channel, event.clone());
        // Without other nodes, there is no receiver.
        let _ = self.outbound.send((channel.to_owned(), event));
    }

    /// Subscribes to the events of `owner`.
    #[must_use]
    pub fn listen(&self, owner: &UserId) -> Listener {
        self.listen_since(owner, None)
    }

    /// Subscribes to the events of `owner` after the one with the sequence `since`, as text. If this node does not have
    /// all of them, the first one is a [resync](Delivered::is_resync).
    #[must_use]
    pub fn listen_since(&self, owner: &UserId, since: Option<&str>) -> Listener {
        self.listen_in(owner.as_str(), since, Queue::default())
    }

    /// As [`listen_since`](Self::listen_since), with the events of `schedule`, from now on.
    #[must_use]
    pub fn listen_scheduled<S: Schedule>(
        &self,
        owner: &UserId,
        since: Option<&str>,
        schedule: S,
    ) -> Listener {
        let (owner, id) = (owner.as_str(), TypeId::of::<S>());
        let queue = Queue { schedule: Some(id), ..Queue::default() };
        let mut listener = self.listen_in(owner, since, queue);
        let start = || Timer::start(self.clone(), owner.to_owned(), schedule);
        listener.timer = Some(self.channels().timer(owner, id, start));
        listener
    }

    /// Subscribes to the events for every caller.
    #[must_use]
    pub fn listen_to_all(&self) -> Listener {
        self.listen_in(EVERY_CALLER, None, Queue::default())
    }

    fn listen_in(&self, channel: &str, since: Option<&str>, queue: Queue) -> Listener {
        let (owner, queue) = (channel.to_owned(), Arc::new(queue));
        self.channels().listen(&owner, &queue, since);
        Listener { queue, owner, channels: Arc::clone(&self.channels), timer: None }
    }

    /// Number of owners with listeners.
    #[must_use]
    pub fn owners(&self) -> usize {
        self.channels().owners()
    }

    /// Subscribes to all events published on this node, for other nodes.
    pub(crate) fn outbound(&self) -> broadcast::Receiver<(String, Event)> {
        self.outbound.subscribe()
    }

    /// Delivers an event to the listeners of `owner` on this node.
    pub(crate) fn deliver(&self, owner: &str, event: Event) {
        let woken = self.channels().deliver(owner, event);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Delivers an event of a schedule to the listeners of `owner` on this node that have it.
    fn deliver_scheduled(&self, owner: &str, schedule: TypeId, event: Event) {
        let woken = self.channels().deliver_scheduled(owner, schedule, event);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Makes all listeners on this node lag, because events may have been missed.
    pub(crate) fn disconnect_all(&self) {
        let channels = std::mem::take(&mut *self.channels());
        channels.into_queues().filter_map(|queue| queue.lag()).for_each(Waker::wake);
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Subscription to the events of one owner.
pub struct Listener {
    queue: Arc<Queue>,
    owner: String,
    channels: Arc<Mutex<Channels>>,
    /// Of its schedule. It runs as long as a listener has it.
    timer: Option<Arc<Timer>>,
}

impl Listener {
    /// The next event.
    ///
    /// # Errors
    /// [`Lagged`] when events were dropped. Read the rows again and subscribe again.
    pub async fn next(&mut self) -> Result<Arc<Delivered>, Lagged> {
        poll_fn(|cx| self.queue.poll_next(cx)).await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.leave(&self.owner, &self.queue);
    }
}
