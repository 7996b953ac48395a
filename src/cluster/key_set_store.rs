//! Stores the last good key set in the database.

use futures_util::future::BoxFuture;
use hallpass_entity::{Database, System, key_set};

use crate::identity::{KeyStore, StoredKeys};

/// Stores key sets in the database; or only reads them.
pub struct DatabaseKeys {
    database: Database,
    is_read_only: bool,
}

impl DatabaseKeys {
    /// Loads and stores.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, is_read_only: false }
    }

    /// Loads, and stores nothing.
    #[must_use]
    pub fn read_only(database: Database) -> Self {
        Self { database, is_read_only: true }
    }

    fn system(&self) -> System<'_> {
        self.database.system("key sets are the server's own")
    }
}

impl KeyStore for DatabaseKeys {
    fn load<'a>(&'a self, source: &'a str) -> BoxFuture<'a, Option<StoredKeys>> {
        Box::pin(async move {
            let stored = self.system().key_set(source).await;
            let stored = stored.inspect_err(|error| {
                tracing::warn!(%error, "the stored key set could not be read");
            });
            let key_set::Model { document, fetched_at, .. } = stored.ok()??;
            Some(StoredKeys { document, fetched_at })
        })
    }

    fn store<'a>(&'a self, source: &'a str, keys: StoredKeys) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if self.is_read_only {
                return;
            }
            let StoredKeys { document, fetched_at } = keys;
            let set = key_set::Model { source: source.to_owned(), document, fetched_at };
            if let Err(error) = self.system().store_key_set(set).await {
                tracing::warn!(%error, "the key set could not be stored");
            }
        })
    }
}
