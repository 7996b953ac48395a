//! Cache of the published rows of shared tables, which are the same for every caller.
//!
//! An entry is the result of one statement with its values, or the rows of one key. Each write to a shared table through this process discards
//! all entries. Writes of other nodes are known when they report them, or else when an entry expires.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;
use moka::sync::Cache;
use sea_orm::sea_query::Value;
use sea_orm::{QueryResult, Statement};
use sqlx::{Row as _, Sqlite, TypeInfo as _, ValueRef as _};
use tokio::sync::watch;
use uuid::Uuid;

/// In bytes.
const CAPACITY: u64 = 8 * 1024 * 1024;

/// The cache of one pool. Clones share it.
#[derive(Clone)]
pub(crate) struct SharedCache(Option<Arc<State>>);

struct State {
    entries: Cache<Key, Arc<Entry>, RandomState>,
    /// Incremented by each write: an entry of an earlier generation may be out of date.
    generation: AtomicU64,
    /// Notified of each write of this process.
    written: watch::Sender<()>,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    /// A statement and its values.
    Statement(String, Vec<Value>),
    /// The rows of one key, by a hash of their columns.
    Rows(u64, Uuid),
}

impl Key {
    fn length(&self) -> usize {
        match self {
            Self::Statement(text, values) => {
                text.len() + values.iter().map(length_of).sum::<usize>()
            }
            Self::Rows(..) => size_of::<Self>(),
        }
    }
}

fn length_of(value: &Value) -> usize {
    let text = match value {
        Value::String(Some(text)) => text.len(),
        _ => 0,
    };
    size_of::<Value>() + text
}

struct Entry {
    generation: u64,
    rows: Box<dyn Any + Send + Sync>,
    bytes: u32,
}

/// What the cache has of a statement.
pub(crate) enum Lookup<T> {
    /// Its result.
    Hit(Vec<T>),
    /// Nothing: where its result belongs.
    Miss(Slot),
}

/// Where the result of a statement belongs in the cache.
pub(crate) struct Slot {
    key: Key,
    generation: u64,
}

impl SharedCache {
    /// A cache whose entries expire after `ttl`. None, if that is zero.
    pub(crate) fn new(ttl: Duration) -> Self {
        let state = || State {
            entries: Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(|key: &Key, entry: &Arc<Entry>| {
                    entry.bytes.saturating_add(u32::try_from(key.length()).unwrap_or(u32::MAX))
                })
                .time_to_live(ttl)
                .build_with_hasher(RandomState::default()),
            generation: AtomicU64::new(0),
            written: watch::Sender::default(),
        };
        Self((!ttl.is_zero()).then(|| Arc::new(state())))
    }

    /// What is cached of `statement`. None without a cache.
    pub(crate) fn get<T: Clone + 'static>(&self, statement: &Statement) -> Option<Lookup<T>> {
        let values = statement.values.as_ref().map(|values| values.0.clone());
        self.look_up(Key::Statement(statement.sql.clone(), values.unwrap_or_default()))
    }

    /// What is cached of the rows of `key`, whose columns have the hash `columns`. None without a cache.
    pub(crate) fn get_rows<T: Clone + 'static>(
        &self,
        columns: u64,
        key: Uuid,
    ) -> Option<Lookup<T>> {
        self.look_up(Key::Rows(columns, key))
    }

    fn look_up<T: Clone + 'static>(&self, key: Key) -> Option<Lookup<T>> {
        let state = self.0.as_ref()?;
        let generation = state.generation.load(Ordering::Acquire);
        let entry = state.entries.get(&key).filter(|entry| entry.generation == generation);
        let rows = entry.as_ref().and_then(|entry| entry.rows.downcast_ref::<Vec<T>>());
        Some(match rows {
            Some(rows) => Lookup::Hit(rows.clone()),
            None => Lookup::Miss(Slot { key, generation }),
        })
    }

    /// Stores `rows`, which have this length as the database sent them.
    pub(crate) fn put<T: Clone + Send + Sync + 'static>(
        &self,
        slot: Slot,
        length: usize,
        rows: &[T],
    ) {
        let Some(state) = &self.0 else { return };
        let bytes = u32::try_from(length + size_of_val(rows)).unwrap_or(u32::MAX);
        let entry = Entry { generation: slot.generation, rows: Box::new(rows.to_vec()), bytes };
        state.entries.insert(slot.key, Arc::new(entry));
    }

    /// Discards all entries: rows were written by this process.
    pub(crate) fn written(&self) {
        self.discard();
        if let Some(state) = &self.0 {
            state.written.send_replace(());
        }
    }

    /// Discards all entries.
    pub(crate) fn discard(&self) {
        if let Some(state) = &self.0 {
            state.generation.fetch_add(1, Ordering::AcqRel);
            state.entries.invalidate_all();
        }
    }

    /// Notified of each write of this process.
    pub(crate) fn writes(&self) -> Option<watch::Receiver<()>> {
        self.0.as_ref().map(|state| state.written.subscribe())
    }
}

/// The length of a decoded row as the database sent it, in bytes.
pub(crate) fn length(row: &QueryResult) -> usize {
    if let Some(row) = row.try_as_pg_row() {
        let column = |index| row.try_get_raw(index).ok()?.as_bytes().ok().map(<[u8]>::len);
        return (0..row.len()).filter_map(column).sum();
    }
    let Some(row) = row.try_as_sqlite_row() else { return 0 };
    let column = |index| {
        let value = row.try_get_raw(index).ok()?;
        // The driver decodes a value as one of both only.
        let is_text = value.type_info().name() == "TEXT";
        match is_text {
            true => <&str as sqlx::Decode<'_, Sqlite>>::decode(value).ok().map(str::len),
            false => <&[u8] as sqlx::Decode<'_, Sqlite>>::decode(value).ok().map(<[u8]>::len),
        }
    };
    (0..row.len()).filter_map(column).sum()
}
