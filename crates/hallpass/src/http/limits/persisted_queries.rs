//! Automatic persisted queries: a client sends the SHA-256 of a document, and the document only if the server does not
//! know it. The protocol is that of Apollo's clients, which urql's and Relay's plug-ins speak too.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use moka::sync::Cache;
use redis::AsyncCommands as _;
use serde_json::{Map, Value};

use crate::cluster::redis_store::RedisStore;
use crate::http::graphql::response::Rejection;

/// Capacity of the cache, in bytes of documents.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// How long Redis stores a document that is not requested.
const REDIS_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// Longer documents are not stored.
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
const CONSEQUENCE: &str = "this node knows its own persisted queries only";

/// The SHA-256 of a document, in lower-case hexadecimal digits.
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
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match persisted.get("sha256Hash").and_then(Value::as_str) {
            Some(hash) if hash.len() == 64 && hash.bytes().all(is_digit) => {
                Ok(Some(Self(hash.into())))
            }
            _ => Err(
                "`extensions.persistedQuery.sha256Hash` must be the SHA-256 of the query, in 64 \
                      lower-case hexadecimal digits.",
            ),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
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
}

impl PersistedQueries {
    /// No documents, if they are not `enabled`.
    pub(crate) fn new(enabled: bool, redis: Option<Arc<RedisStore>>) -> Self {
        let weight =
            |_: &DocumentHash, text: &Arc<str>| u32::try_from(text.len() + 64).unwrap_or(u32::MAX);
        let cache = || Cache::builder().max_capacity(CACHE_BYTES).weigher(weight).build();
        Self { known: enabled.then(cache), redis }
    }

    /// The document of a request with this `hash`, which may have sent it as `query`. The documents of callers who are
    /// signed in are stored for the other nodes.
    pub(crate) async fn resolve(
        &self,
        hash: DocumentHash,
        query: Option<String>,
        is_signed_in: bool,
    ) -> Result<String, Rejection> {
        let Some(known) = &self.known else {
            return query.ok_or_else(Rejection::persisted_queries_not_supported);
        };
        match query {
            Some(query) if !hash.is_of(&query) => Err(Rejection::persisted_query_mismatch()),
            Some(query) => {
                self.store(known, hash, &query, is_signed_in).await;
                Ok(query)
            }
            None => match known.get(&hash) {
                Some(document) => Ok(document.to_string()),
                None => {
                    self.load(known, hash).await.ok_or_else(Rejection::persisted_query_not_found)
                }
            },
        }
    }

    async fn store(
        &self,
        known: &Cache<DocumentHash, Arc<str>>,
        hash: DocumentHash,
        query: &str,
        is_signed_in: bool,
    ) {
        if query.len() > MAX_DOCUMENT_BYTES || known.contains_key(&hash) {
            return;
        }
        // Not of anonymous callers, who could fill Redis. The cache of this node is bounded.
        if let Some(redis) = self.redis.as_ref().filter(|_| is_signed_in) {
            let (key, seconds) = (hash.redis_key(), REDIS_TTL.as_secs());
            let set = async |connection: &mut _| {
                redis::AsyncCommands::set_ex::<_, _, ()>(connection, key, query, seconds).await
            };
            Box::pin(redis.run(CONSEQUENCE, set)).await;
        }
        known.insert(hash, query.into());
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
