//! Stores the last usable key set in the database, for starts while the auth server is unavailable.

use futures_util::future::BoxFuture;
use hallpass_data::{Database, System, key_set};

use crate::bypass;
use hallpass_identity::{KeyStore, StoredKeys};

/// Key sets in the database.
pub struct DatabaseKeys {
    database: Database,
    is_read_only: bool,
}

impl DatabaseKeys {
    /// Reads and writes key sets.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, is_read_only: false }
    }

    /// Reads key sets only.
    #[must_use]
    pub fn read_only(database: Database) -> Self {
        Self { database, is_read_only: true }
    }

    fn system(&self) -> System<'_> {
        self.database.system(bypass::KEY_SETS.reason())
    }
}

impl KeyStore for DatabaseKeys {
    fn load<'a>(&'a self, source: &'a str) -> BoxFuture<'a, Option<StoredKeys>> {
        Box::pin(async move {
            let stored = self.system().key_set(source).await;
            let stored = stored.inspect_err(|error| {
                tracing::warn!(%error, "failed to read the stored key set");
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
                tracing::warn!(%error, "failed to store the key set");
            }
        })
    }
}
