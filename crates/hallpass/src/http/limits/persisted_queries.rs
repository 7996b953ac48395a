//! Automatic persisted queries: a client sends the SHA-256 of a document, and the document only if the server does not
//! know it. The protocol is that of Apollo's clients, which urql's and Relay's plug-ins speak too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::digest;
use axum::http::StatusCode;
use moka::sync::Cache;
use redis::AsyncCommands as _;
use serde_json::{Map, Value};

use crate::cluster::redis_store::RedisStore;
use crate::http::graphql::rejection::Rejection;
use hallpass_identity::Caller;

/// Capacity of the cache, in bytes of documents.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// How long Redis stores a document that is not requested.
const REDIS_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// Longer documents are not stored.
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
const CONSEQUENCE: &str = "this node knows its own persisted queries only";

/// Bytes of documents that a node stores in Redis in an hour, in all and for one caller: as much as it keeps itself, and
/// more than a client has. Further documents are executed and known to this node only.
const MAX_STORED_BYTES: usize = 16 * 1024 * 1024;
const MAX_STORED_BYTES_PER_CALLER: usize = 1024 * 1024;
const STORED_PERIOD: Duration = Duration::from_secs(60 * 60);
/// Number of callers whose bytes are counted.
const MAX_COUNTED_CALLERS: u64 = 100_000;

/// The id of a document: its SHA-256, in lower-case hexadecimal digits, or that in the manifest of trusted documents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DocumentHash(Box<str>);

impl DocumentHash {
    /// The hash in the `extensions` of a request: `{"persistedQuery": {"version": 1, "sha256Hash": "…"}}`.
    pub(crate) fn of_extensions(
        extensions: &Map<String, Value>,
    ) -> Result<Option<Self>, &'static str> {
        let Some(persisted) = extensions.get("persistedQuery") else { return Ok(None) };
        if persisted.get("version") != Some(&Value::from(1)) {
            return Err("`extensions.persistedQuery.version` must be 1.");
        }
        match persisted.get("sha256Hash").and_then(Value::as_str) {
            Some(hash) => Ok(Some(Self(hash.into()))),
            None => Err("`extensions.persistedQuery.sha256Hash` must be a string."),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// # Errors
    /// If it is no SHA-256.
    fn check(&self) -> Result<(), Rejection> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if self.0.len() == 64 && self.0.bytes().all(is_digit) {
            return Ok(());
        }
        let message = "`extensions.persistedQuery.sha256Hash` must be the SHA-256 of the query, in 64 \
                       lower-case hexadecimal digits, or the id of a trusted document.";
        Err(Rejection::http(StatusCode::BAD_REQUEST, message))
    }

    fn is_of(&self, document: &str) -> bool {
        let hash = digest::digest(&digest::SHA256, document.as_bytes());
        let digits: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        digits == *self.0
    }

    fn redis_key(&self) -> String {
        format!("hallpass:document:{}", self.0)
    }
}

/// The documents that clients have persisted.
pub(crate) struct PersistedQueries {
    known: Option<Cache<DocumentHash, Arc<str>>>,
    redis: Option<Arc<RedisStore>>,
    stored: StoredBytes,
}

impl PersistedQueries {
    /// No documents, if they are not `enabled`.
    pub(crate) fn new(enabled: bool, redis: Option<Arc<RedisStore>>) -> Self {
        let weight =
            |_: &DocumentHash, text: &Arc<str>| u32::try_from(text.len() + 64).unwrap_or(u32::MAX);
        let cache = || Cache::builder().max_capacity(CACHE_BYTES).weigher(weight).build();
        Self { known: enabled.then(cache), redis, stored: StoredBytes::new() }
    }

    /// Checks the document of a request that sent both. It is [stored](Self::store) once its operation is accepted.
    pub(crate) fn check(&self, hash: &DocumentHash, query: &str) -> Result<(), Rejection> {
        hash.check()?;
        match self.known.is_none() || hash.is_of(query) {
            true => Ok(()),
            false => Err(Rejection::persisted_query_mismatch()),
        }
    }

    /// The document of a request that sent its hash only.
    pub(crate) async fn find(&self, hash: DocumentHash) -> Result<String, Rejection> {
        hash.check()?;
        let Some(known) = &self.known else {
            return Err(Rejection::persisted_queries_not_supported());
        };
        match known.get(&hash) {
            Some(document) => Ok(document.to_string()),
            None => self.load(known, hash).await.ok_or_else(Rejection::persisted_query_not_found),
        }
    }

    /// Stores a document whose operation was accepted. Those of callers who are signed in are stored for the other nodes,
    /// within limits.
    pub(crate) async fn store(
        &self,
        hash: DocumentHash,
        document: &Arc<str>,
        caller: Option<&Caller>,
    ) {
        let Some(known) = &self.known else { return };
        if document.len() > MAX_DOCUMENT_BYTES || known.contains_key(&hash) {
            return;
        }
        // Not of anonymous callers, who could fill Redis. The cache of this node is bounded.
        if let (Some(redis), Some(caller)) = (&self.redis, caller)
            && self.stored.add(caller.id().as_str(), document.len())
        {
            let (key, seconds) = (hash.redis_key(), REDIS_TTL.as_secs());
            let set = async |connection: &mut _| {
                redis::AsyncCommands::set_ex::<_, _, ()>(connection, key, &**document, seconds)
                    .await
            };
            Box::pin(redis.run(CONSEQUENCE, set)).await;
        }
        known.insert(hash, Arc::clone(document));
    }

    /// The document that another node stored. It is compared with its hash: Redis is not trusted.
    async fn load(
        &self,
        known: &Cache<DocumentHash, Arc<str>>,
        hash: DocumentHash,
    ) -> Option<String> {
        let (redis, key) = (self.redis.as_ref()?, hash.redis_key());
        let get = async |connection: &mut redis::aio::MultiplexedConnection| {
            connection.get::<_, Option<String>>(key).await
        };
        let document = Box::pin(redis.run(CONSEQUENCE, get)).await??;
        if !hash.is_of(&document) {
            return None;
        }
        known.insert(hash, document.as_str().into());
        Some(document)
    }
}

/// The bytes that this node has stored in Redis in the current hour: of each caller, and in all.
struct StoredBytes(Cache<Option<Box<str>>, Arc<AtomicUsize>>);

impl StoredBytes {
    fn new() -> Self {
        let builder = Cache::builder().max_capacity(MAX_COUNTED_CALLERS);
        Self(builder.time_to_live(STORED_PERIOD).build())
    }

    /// Adds the bytes of a document, unless that exceeds a limit.
    fn add(&self, caller: &str, bytes: usize) -> bool {
        self.add_to(Some(caller.into()), bytes, MAX_STORED_BYTES_PER_CALLER)
            && self.add_to(None, bytes, MAX_STORED_BYTES)
    }

    fn add_to(&self, of: Option<Box<str>>, bytes: usize, limit: usize) -> bool {
        let stored = self.0.get_with(of, Arc::default);
        let sum = |stored: usize| Some(stored + bytes).filter(|sum| *sum <= limit);
        stored.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stored_in_redis_are_limited() {
        let stored = StoredBytes::new();
        let of =
            |caller: &str| (0..).take_while(|_| stored.add(caller, MAX_DOCUMENT_BYTES)).count();
        assert_eq!(of("one"), 16, "1 MiB of documents of 64 KiB");
        assert!(!stored.add("one", MAX_DOCUMENT_BYTES));
        assert!(stored.add("one", 0));
        let others: usize = (0..100).map(|number| of(&format!("other-{number}"))).sum();
        assert_eq!(others, 256 - 16, "16 MiB in all");
    }
}
