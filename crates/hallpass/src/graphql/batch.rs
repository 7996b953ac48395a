//! Batch loaders: the rows that several fields of a request need, read by one statement.
//!
//! The loader of the GraphQL library spawns a task with a timer for each batch, and keeps a channel and several hash
//! tables for its keys. Here a batch is a future that the fields share: it takes the keys of the fields that the request
//! resolves at the same time, then loads them.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hallpass_data::{KeyHasher, KeyMap};

/// Loads the values of many keys at once.
pub trait Loader: Send + Sync + 'static {
    /// A key, such as the id of a row.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is loaded.
    type Value: Clone + Send + Sync + 'static;
    /// Why nothing can be loaded: the error of all keys.
    type Error: Clone + Send + Sync + 'static;

    /// The values of these keys, which are unique. A key without a value is left out.
    ///
    /// # Errors
    /// When nothing can be loaded. It is the error of each key.
    fn load(&self, keys: &[Self::Key]) -> impl Future<Output = LoadResult<Self>> + Send;
}

/// What a [`Loader`] returns.
pub type LoadResult<L> =
    Result<KeyMap<<L as Loader>::Key, <L as Loader>::Value>, <L as Loader>::Error>;

/// Loads values by their keys, for one request: it has no cache across requests, so no data leaks between callers. The
/// keys that fields ask for at once are loaded together.
pub struct BatchLoader<L: Loader>(Arc<Inner<L>>);

struct Inner<L: Loader> {
    loader: L,
    /// The batch that takes keys.
    open: Mutex<Option<Arc<Batch<L>>>>,
}

/// Keys that are loaded together.
struct Batch<L: Loader>(Mutex<State<L>>);

struct State<L: Loader> {
    /// In the order of the fields.
    keys: Vec<L::Key>,
    unique: HashSet<L::Key, KeyHasher>,
    /// The load, while no field polls it.
    load: Option<Load<L>>,
    loaded: Option<Loaded<L>>,
    /// Of the fields that wait while another one polls the load.
    waiting: Vec<Waker>,
}

type Loaded<L> =
    Result<Arc<KeyMap<<L as Loader>::Key, <L as Loader>::Value>>, <L as Loader>::Error>;
type Load<L> = BoxFuture<'static, Loaded<L>>;

impl<L: Loader> BatchLoader<L> {
    /// Loads with `loader`.
    pub fn new(loader: L) -> Self {
        Self(Arc::new(Inner { loader, open: Mutex::new(None) }))
    }

    /// The value of this key. None if there is none.
    ///
    /// # Errors
    /// That of the batch.
    pub async fn load_one(&self, key: L::Key) -> Result<Option<L::Value>, L::Error> {
        let batch = self.join(key.clone());
        let loaded = Loading { batch, load: None, place: None }.await?;
        Ok(loaded.get(&key).cloned())
    }

    /// Adds a key to the open batch.
    fn join(&self, key: L::Key) -> Arc<Batch<L>> {
        let mut open = lock(&self.0.open);
        let batch = open.get_or_insert_with(|| Batch::new(load(Arc::downgrade(&self.0)).boxed()));
        let mut state = lock(&batch.0);
        if state.unique.insert(key.clone()) {
            state.keys.push(key);
        }
        drop(state);
        Arc::clone(batch)
    }
}

impl<L: Loader> Batch<L> {
    fn new(load: Load<L>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            keys: Vec::new(),
            unique: HashSet::default(),
            load: Some(load),
            loaded: None,
            waiting: Vec::new(),
        })))
    }
}

/// Loads the open batch. The batch is a part of the loader, so that a reference to the loader would be a cycle.
async fn load<L: Loader>(inner: Weak<Inner<L>>) -> Loaded<L> {
    // The other fields that the request resolves now add their keys.
    tokio::task::yield_now().await;
    // Those who wait for the batch borrow the loader: it exists.
    let Some(inner) = inner.upgrade() else { return Ok(Arc::default()) };
    let batch = lock(&inner.open).take();
    let keys = batch.map(|batch| std::mem::take(&mut lock(&batch.0).keys)).unwrap_or_default();
    inner.loader.load(&keys).await.map(Arc::new)
}

/// A field that waits for its batch. One of the fields polls the load: polled by each of them, its progress would wake
/// them all.
struct Loading<L: Loader> {
    batch: Arc<Batch<L>>,
    /// The load, if this field polls it.
    load: Option<Load<L>>,
    /// The index of the waker in `waiting`.
    place: Option<usize>,
}

impl<L: Loader> Future for Loading<L> {
    type Output = Loaded<L>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Loaded<L>> {
        let this = &mut *self;
        if this.load.is_none() {
            let mut state = lock(&this.batch.0);
            if let Some(loaded) = &state.loaded {
                return Poll::Ready(loaded.clone());
            }
            this.load = state.load.take();
            if this.load.is_none() {
                this.place = Some(state.register(cx.waker(), this.place));
            }
        }
        let Some(load) = &mut this.load else { return Poll::Pending };
        let loaded = std::task::ready!(load.poll_unpin(cx));
        this.load = None;
        let mut state = lock(&this.batch.0);
        state.loaded = Some(loaded.clone());
        state.wake();
        Poll::Ready(loaded)
    }
}

impl<L: Loader> Drop for Loading<L> {
    /// Another field polls the load from now on.
    fn drop(&mut self) {
        if let Some(load) = self.load.take() {
            let mut state = lock(&self.batch.0);
            state.load = Some(load);
            state.wake();
        }
    }
}

impl<L: Loader> State<L> {
    /// Stores a waker at its place. Fields that are woken together share one.
    fn register(&mut self, waker: &Waker, place: Option<usize>) -> usize {
        let last = self.waiting.len().checked_sub(1);
        let place = place.or(last).filter(|place| self.waiting[*place].will_wake(waker));
        place.unwrap_or_else(|| {
            self.waiting.push(waker.clone());
            self.waiting.len() - 1
        })
    }

    fn wake(&self) {
        self.waiting.iter().for_each(Waker::wake_by_ref);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<L: Loader> fmt::Debug for BatchLoader<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchLoader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{join, join_all};

    use super::*;

    /// Returns each key as its value but 0, fails with 13, and remembers the batches.
    #[derive(Clone, Default)]
    struct Numbers(Arc<Mutex<Vec<Vec<i32>>>>);

    impl Loader for Numbers {
        type Key = i32;
        type Value = i32;
        type Error = &'static str;

        async fn load(&self, keys: &[i32]) -> LoadResult<Self> {
            self.0.lock().unwrap().push(keys.to_vec());
            tokio::task::yield_now().await;
            match keys.contains(&13) {
                true => Err("13"),
                false => Ok(keys.iter().filter(|it| **it != 0).map(|it| (*it, *it)).collect()),
            }
        }
    }

    impl Numbers {
        fn batches(&self) -> Vec<Vec<i32>> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    #[tokio::test]
    async fn keys_asked_for_at_once_are_one_batch() {
        let numbers = Numbers::default();
        let loader = BatchLoader::new(numbers.clone());
        let of_four = join_all([1, 2, 0, 1].map(|key| loader.load_one(key)));
        assert_eq!(of_four.await, [Ok(Some(1)), Ok(Some(2)), Ok(None), Ok(Some(1))]);
        assert_eq!(numbers.batches(), [[1, 2, 0]]);
        let many = join_all((100..200).map(|key| loader.load_one(key))).await;
        assert!(many.into_iter().zip(100..).all(|(found, key)| found == Ok(Some(key))));
        assert_eq!(numbers.batches().len(), 1, "also of many");
    }

    #[tokio::test]
    async fn key_asked_for_later_is_another_batch() {
        let numbers = Numbers::default();
        let loader = BatchLoader::new(numbers.clone());
        let twice = async { (loader.load_one(1).await, loader.load_one(1).await) };
        assert_eq!(
            join(twice, loader.load_one(2)).await,
            ((Ok(Some(1)), Ok(Some(1))), Ok(Some(2)))
        );
        assert_eq!(numbers.batches(), [vec![1, 2], vec![1]]);
    }

    #[tokio::test]
    async fn error_is_that_of_each_key_of_the_batch() {
        let loader = BatchLoader::new(Numbers::default());
        let both = join(loader.load_one(1), loader.load_one(13)).await;
        assert_eq!(both, (Err("13"), Err("13")));
        assert_eq!(loader.load_one(1).await, Ok(Some(1)), "the next batch is another one");
    }

    #[tokio::test]
    async fn batch_is_loaded_without_its_first_field() {
        let numbers = Numbers::default();
        let loader = BatchLoader::new(numbers.clone());
        let mut first = Box::pin(loader.load_one(1));
        assert!(futures_util::poll!(&mut first).is_pending());
        let second = loader.load_one(2);
        drop(first);
        assert_eq!(second.await, Ok(Some(2)));
        assert_eq!(numbers.batches(), [[1, 2]]);
    }

    #[tokio::test]
    async fn abandoned_batch_is_dropped() {
        let loader = BatchLoader::new(Numbers::default());
        let inner = Arc::downgrade(&loader.0);
        assert!(futures_util::poll!(Box::pin(loader.load_one(1))).is_pending());
        drop(loader);
        assert!(inner.upgrade().is_none());
    }
}
