//! Where the last good key set is stored, so that a server that starts while its source is away can
//! verify tokens.

use std::time::Duration;

use futures_util::future::BoxFuture;
use hallpass_entity::Timestamp;

/// How old a stored set may be that is used: a key that is withdrawn meanwhile counts no longer.
pub const STORED_KEYS_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// A key set as it is stored.
#[derive(Clone, Debug)]
pub struct StoredKeys {
    /// The JSON Web Key Set, of usable public keys only.
    pub document: String,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// Stores key sets, each by its source.
pub trait KeyStore: Send + Sync + 'static {
    /// The set that was stored of `source`; none where there is none, or the store is away.
    fn load<'a>(&'a self, source: &'a str) -> BoxFuture<'a, Option<StoredKeys>>;

    /// Stores the set of `source` in place of the one before. What fails is logged.
    fn store<'a>(&'a self, source: &'a str, keys: StoredKeys) -> BoxFuture<'a, ()>;
}
