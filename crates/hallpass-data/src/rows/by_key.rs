//! Rows of several keys at once, cached by key.

use std::any::TypeId;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, Hash, Hasher as _};
use std::sync::LazyLock;

use sea_orm::sea_query::Value;
use sea_orm::{
    EntityTrait, QueryFilter, QueryResult, QuerySelect, QueryTrait as _, TryGetable, TryGetableMany,
};
use uuid::Uuid;

use super::{Rows, decoded};
use crate::filter::among;
use crate::policy::SharedEntity;
use crate::shared_cache::{Lookup, SharedCache, Slot, length};
use crate::{Error, KeyHasher, KeyMap};

/// A key whose rows are not cached, and where they belong.
type Missing<'a, K> = (K, Option<(&'a SharedCache, Slot)>);

impl<E: SharedEntity, P> Rows<E, P> {
    /// These `columns` of those whose column `by` is one of `keys`, by key. A key without rows has an empty list.
    /// Published rows are cached by key: unlike those of a statement, they are found for any other list of keys.
    ///
    /// # Errors
    /// When the database is unavailable or rejects the statement.
    pub async fn columns_by<K, T>(
        &self,
        by: E::Column,
        keys: &[K],
        columns: &[E::Column],
    ) -> Result<KeyMap<K, Vec<T>>, Error>
    where
        K: Copy + Eq + Hash + Into<Uuid> + Into<Value> + TryGetable,
        T: TryGetableMany + Clone + Send + Sync + 'static,
    {
        let cache = self.conn.shared_cache().filter(|_| self.is_cached && !self.is_filtered);
        let hash = cache.map(|_| hash_of::<E, T>(by, columns)).unwrap_or_default();
        let mut found = KeyMap::with_capacity_and_hasher(keys.len(), KeyHasher::default());
        let mut missing = Vec::new();
        for key in keys {
            // A key that is given twice is read once.
            let Entry::Vacant(place) = found.entry(*key) else { continue };
            let slot = match cache.and_then(|cache| cache.get_rows(hash, (*key).into())) {
                Some(Lookup::Hit(rows)) => {
                    place.insert(rows);
                    continue;
                }
                Some(Lookup::Miss(slot)) => cache.zip(Some(slot)),
                None => None,
            };
            place.insert(Vec::new());
            missing.push((*key, slot));
        }
        if !missing.is_empty() {
            self.read_missing(by, columns, missing, &mut found).await?;
        }
        Ok(found)
    }

    /// Reads the rows of the keys that are not cached, and caches them.
    async fn read_missing<K, T>(
        &self,
        by: E::Column,
        columns: &[E::Column],
        missing: Vec<Missing<'_, K>>,
        found: &mut KeyMap<K, Vec<T>>,
    ) -> Result<(), Error>
    where
        K: Copy + Eq + Hash + Into<Value> + TryGetable,
        T: TryGetableMany + Clone + Send + Sync + 'static,
    {
        let keys = missing.iter().map(|(key, _)| *key);
        let of_these = among(by, keys.map(Into::into));
        let rows = self.typed().filter(of_these).columns(columns.iter().copied()).column(by);
        let at = columns.len();
        let row = |row: &QueryResult, _: &mut u64| {
            let (key, columns) = (K::try_get_by(row, at)?, T::try_get_many_by_index(row)?);
            // SQLite's values have one type: the length is taken after decoding.
            Ok((key, length(row), columns))
        };
        let mut read = KeyMap::<K, (usize, Vec<T>)>::default();
        let rows = self.fetch(self.backend().build(&rows.into_query())).await?;
        for (key, length, row) in decoded(&rows, row)? {
            let (bytes, rows) = read.entry(key).or_default();
            *bytes += length;
            rows.push(row);
        }
        for (key, slot) in missing {
            let (bytes, rows) = read.remove(&key).unwrap_or_default();
            if let Some((cache, slot)) = slot {
                cache.put(slot, bytes, &rows);
            }
            found.insert(key, rows);
        }
        Ok(())
    }
}

/// A hash of what [`Rows::columns_by`] reads.
fn hash_of<E: EntityTrait, T: 'static>(by: E::Column, columns: &[E::Column]) -> u64 {
    static HASHER: LazyLock<KeyHasher> = LazyLock::new(KeyHasher::default);
    let mut hasher = HASHER.build_hasher();
    TypeId::of::<(E, T)>().hash(&mut hasher);
    for column in std::iter::once(&by).chain(columns) {
        std::mem::discriminant(column).hash(&mut hasher);
    }
    hasher.finish()
}
