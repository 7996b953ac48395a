//! Event bus: changes are published after their commit, and received by their owner's subscribers.
//!
//! Each owner has a channel of their own, so no subscriber can be handed another's events, and none is woken
//! by them. An event carries ids only: what it is about is read under the owner's scope, once for all
//! listeners on this node ([`Delivered::once`]). It is told once and kept nowhere: who is not listening reads the
//! rows. [`relay`](crate::cluster::event_bridge) tells the other nodes.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hallpass_entity::{ChapterId, TaskId, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::{OnceCell, broadcast};

/// How many events may wait for a listener, of which a mutation can make a hundred at once. One that falls
/// behind further has missed some.
const CHANNEL_CAPACITY: usize = 256;
/// How many may wait to be told to other nodes.
const OUTBOUND_CAPACITY: usize = 4096;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was made.
    Created,
    /// It was changed.
    Updated,
    /// It was deleted: its id is all that is left.
    Deleted,
}

/// A row that events tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A task.
    Task(TaskId),
    /// The owner's progress in a chapter.
    Progress(ChapterId),
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub change: Change,
    /// To which row.
    pub row: Row,
}

type Shared = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

/// An event, as all listeners of its owner on this node get it.
#[derive(Debug)]
pub struct Delivered {
    /// What happened.
    pub event: Event,
    shared: Mutex<HashMap<TypeId, Shared>>,
}

impl Delivered {
    fn of(event: Event) -> Arc<Self> {
        Arc::new(Self { event, shared: Mutex::default() })
    }

    /// What `read` returns, which runs once for all listeners that want a `T`. They all belong to the owner of
    /// the event: give only what depends on nothing but the owner and the event.
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
        value.downcast().expect("it is kept under its own type")
    }
}

/// Events were dropped: what the listener knows is out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged;

/// By the owner's id.
type Channels = HashMap<String, broadcast::Sender<Arc<Delivered>>>;

/// Where events are published and heard. Cheap to clone: every clone is the same place.
#[derive(Clone)]
pub struct Events {
    channels: Arc<Mutex<Channels>>,
    leaving: broadcast::Sender<(UserId, Event)>,
}

impl Default for Events {
    fn default() -> Self {
        Self { channels: Arc::default(), leaving: broadcast::Sender::new(OUTBOUND_CAPACITY) }
    }
}

impl Events {
    /// Tells the subscribers to `owner`'s events. Never waits: a listener that is slow misses some.
    pub fn publish(&self, owner: &UserId, event: Event) {
        self.deliver(owner.as_str(), event);
        // Where no other node is told, no task receives it.
        let _ = self.leaving.send((owner.clone(), event));
    }

    /// Hears what happens to `owner`'s rows from now on.
    #[must_use]
    pub fn listen(&self, owner: &UserId) -> Listener {
        let owner = owner.as_str().to_owned();
        let mut channels = self.channels();
        let new = || broadcast::Sender::new(CHANNEL_CAPACITY);
        let receiver = channels.entry(owner.clone()).or_insert_with(new).subscribe();
        Listener { receiver, _place: ChannelGuard { events: self.clone(), owner } }
    }

    /// How many owners are listened to.
    #[must_use]
    pub fn owners(&self) -> usize {
        self.channels().len()
    }

    /// What is published here from now on, whosever it is: for the other nodes.
    pub(crate) fn outbound(&self) -> broadcast::Receiver<(UserId, Event)> {
        self.leaving.subscribe()
    }

    /// Tells those who listen here to the events of the user with this id.
    pub(crate) fn deliver(&self, owner: &str, event: Event) {
        if let Some(channel) = self.channels().get(owner) {
            // Its last listener may be about to leave.
            let _ = channel.send(Delivered::of(event));
        }
    }

    /// Tells everyone who listens here that they missed something.
    pub(crate) fn disconnect_all(&self) {
        self.channels().clear();
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears the events of one owner.
pub struct Listener {
    receiver: broadcast::Receiver<Arc<Delivered>>,
    // Dropped after the receiver.
    _place: ChannelGuard,
}

impl Listener {
    /// The next event.
    ///
    /// # Errors
    /// [`Lagged`] when events were dropped. Listening on would leave a gap: read the rows again, and
    /// listen anew.
    pub async fn next(&mut self) -> Result<Arc<Delivered>, Lagged> {
        self.receiver.recv().await.map_err(|_| Lagged)
    }
}

/// Takes the owner's channel away with the last of its listeners.
struct ChannelGuard {
    events: Events,
    owner: String,
}

impl Drop for ChannelGuard {
    fn drop(&mut self) {
        let mut channels = self.events.channels();
        if channels.get(&self.owner).is_some_and(|channel| channel.receiver_count() == 0) {
            channels.remove(&self.owner);
        }
    }
}
