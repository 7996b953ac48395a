//! Storage of the last fetched key set, so that a server that starts while the source is unavailable
//! can verify tokens.

use std::time::Duration;

use futures_util::future::BoxFuture;
use hallpass_types::Timestamp;

/// Maximum age of a stored set: a key that is withdrawn meanwhile is accepted no longer than this.
pub const STORED_KEYS_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A stored key set.
#[derive(Clone, Debug)]
pub struct StoredKeys {
    /// The JSON Web Key Set, of usable public keys only.
    pub document: String,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// Stores one key set per source.
pub trait KeyStore: Send + Sync + 'static {
    /// The stored set of `source`; none when there is none, or the store is unavailable.
    fn load<'a>(&'a self, source: &'a str) -> BoxFuture<'a, Option<StoredKeys>>;

    /// Stores the set of `source`, replacing the previous one. Errors are logged.
    fn store<'a>(&'a self, source: &'a str, keys: StoredKeys) -> BoxFuture<'a, ()>;
}
