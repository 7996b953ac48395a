//! Batch loaders: the rows that several fields of a request need, read by one statement.
//!
//! The loader of the GraphQL library spawns a task with a timer for each batch, and keeps a channel and several hash
//! tables for its keys. Here a batch is a future that the fields share: it takes the keys of the fields that the request
//! resolves at the same time, then loads them.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use hallpass_data::{KeyHasher, KeyMap};

use super::when_woken::WhenWoken;

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
    open: Mutex<Option<Batch<L>>>,
}

struct Batch<L: Loader> {
    /// In the order of the fields.
    keys: Vec<L::Key>,
    unique: HashSet<L::Key, KeyHasher>,
    loading: Loading<L>,
}

type Loaded<L> =
    Result<Arc<KeyMap<<L as Loader>::Key, <L as Loader>::Value>>, <L as Loader>::Error>;
/// Each field that waits polls it: without [`WhenWoken`], each would poll the statement too.
type Loading<L> = Shared<WhenWoken<BoxFuture<'static, Loaded<L>>>>;

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
        let loading = self.join(key.clone());
        // The other fields that the request resolves now add their keys.
        tokio::task::yield_now().await;
        Ok(loading.await?.get(&key).cloned())
    }

    /// Adds a key to the open batch.
    fn join(&self, key: L::Key) -> Loading<L> {
        let mut open = self.0.open();
        let batch = open.get_or_insert_with(|| {
            let loading = WhenWoken::new(load(Arc::downgrade(&self.0)).boxed()).shared();
            Batch { keys: Vec::new(), unique: HashSet::default(), loading }
        });
        if batch.unique.insert(key.clone()) {
            batch.keys.push(key);
        }
        batch.loading.clone()
    }
}

impl<L: Loader> Inner<L> {
    fn open(&self) -> MutexGuard<'_, Option<Batch<L>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads the open batch. The batch is a part of the loader, so that a reference to the loader would be a cycle.
async fn load<L: Loader>(inner: Weak<Inner<L>>) -> Loaded<L> {
    // Those who wait for the batch borrow the loader: it exists.
    let Some(inner) = inner.upgrade() else { return Ok(Arc::default()) };
    let batch = inner.open().take();
    let keys = batch.map(|batch| batch.keys).unwrap_or_default();
    inner.loader.load(&keys).await.map(Arc::new)
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
