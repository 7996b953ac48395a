//! What one request or one operation of a stream did: for its line in the log, and for the metrics of operations.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::http::{Extensions, HeaderMap, Method, StatusCode};
use hallpass_data::DatabaseTime;
use hallpass_identity::{Caller, CallerKind};
use tracing::Level;

use super::operation_metrics::{MAX_NAME_BYTES, OTHER, OperationMetrics};
use crate::http::graphql::response::{Rejection, RequestId, ResponseBody};
use crate::http::limits::document_cache::Document;

/// Digits of the hashes of documents and callers: enough to tell them apart.
const HASH_DIGITS: usize = 16;
/// Codes in one line.
const MAX_CODES: usize = 5;

/// Hashes the ids of callers for the log, so that it names no one and still shows which requests are of one caller.
pub(crate) struct CallerHash(hmac::Key);

impl CallerHash {
    /// With this key.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The first digits of HMAC-SHA256 (RFC 2104) of the id, in hexadecimal.
    fn of(&self, id: &str) -> String {
        let tag = hmac::sign(&self.0, id.as_bytes());
        digits(tag.as_ref())
    }
}

fn digits(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let mut text = String::with_capacity(HASH_DIGITS);
    for byte in bytes.iter().take(HASH_DIGITS / 2) {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// A record that is filled in while the request is handled; clones share it.
#[derive(Clone, Default)]
pub(crate) struct RequestRecord(Arc<Mutex<Facts>>);

#[derive(Default)]
struct Facts {
    is_graphql: bool,
    /// Whether its operation ends after the head of the response.
    is_streamed: bool,
    trace_id: Option<Box<str>>,
    caller: Option<Arc<Caller>>,
    identity: Option<Duration>,
    database: DatabaseTime,
    document: Option<Arc<Document>>,
    operation: Option<String>,
    /// Whether metrics count it as one of many others: not a trusted document, where some are.
    is_other: bool,
    cost: Option<u64>,
    codes: Vec<String>,
    bytes: Option<usize>,
}

/// The head of an HTTP request and its response.
pub(crate) struct Exchange<'a> {
    pub(crate) id: &'a RequestId,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) took: Duration,
}

impl RequestRecord {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A record of a request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let record = Self::default();
        record.facts().trace_id = trace_id(headers);
        record
    }

    /// That of a request, which the middleware has added to its extensions.
    pub(crate) fn in_extensions(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// It is part of a trace that is exported.
    pub(crate) fn traced(&self, trace_id: String) {
        self.facts().trace_id = Some(trace_id.into());
    }

    /// It is a GraphQL request.
    pub(crate) fn graphql(&self) {
        self.facts().is_graphql = true;
    }

    /// The caller was authenticated in this time.
    pub(crate) fn authenticated(&self, caller: Option<&Arc<Caller>>, took: Duration) {
        let mut facts = self.facts();
        facts.identity = Some(took);
        facts.caller = caller.cloned();
    }

    /// The time of the request in the database.
    pub(crate) fn database_time(&self) -> DatabaseTime {
        self.facts().database.clone()
    }

    /// The document was parsed. Without `is_named`, metrics do not have its name.
    pub(crate) fn parsed(
        &self,
        document: &Arc<Document>,
        name: Option<&str>,
        is_named: bool,
        cost: u64,
    ) {
        let mut facts = self.facts();
        facts.is_other = !is_named;
        facts.document = Some(Arc::clone(document));
        // Names are ASCII. One byte more than the limit shows the metrics that the name was longer.
        facts.operation = name.map(|name| name.chars().take(MAX_NAME_BYTES + 1).collect());
        facts.cost = Some(cost);
    }

    /// The operation ends after the head of the response.
    pub(crate) fn streamed(&self) {
        self.facts().is_streamed = true;
    }

    /// The operation was executed.
    pub(crate) fn responded(&self, body: &ResponseBody) {
        let mut facts = self.facts();
        facts.codes = body.codes().take(MAX_CODES).map(str::to_owned).collect();
        facts.bytes = Some(body.length());
    }

    /// The request was rejected.
    pub(crate) fn rejected(&self, rejection: &Rejection) {
        let mut facts = self.facts();
        facts.codes = vec![rejection.code().to_owned()];
    }

    /// Counts and logs an HTTP request.
    pub(crate) fn finish(&self, of: &Exchange<'_>, metrics: &OperationMetrics, hash: &CallerHash) {
        let facts = self.facts();
        if facts.is_graphql && !facts.is_streamed {
            facts.count(metrics, Some(of.took));
        }
        let (id, method, path) = (of.id.as_str(), of.method.as_str(), of.path);
        let (status, ms) = (of.status.as_u16(), milliseconds(of.took));
        macro_rules! log {
            ($level:ident, $name:ident) => {{
                if !tracing::enabled!(target: "hallpass::request", Level::$name) {
                    return;
                }
                let line = facts.line(hash);
                tracing::$level!(
                    target: "hallpass::request",
                    request_id = id, trace_id = line.trace_id, method, path, status,
                    operation = line.operation, document = line.document,
                    caller_kind = line.caller_kind, caller = line.caller, codes = line.codes,
                    cost = line.cost, bytes = line.bytes, ms,
                    identity_ms = line.identity_ms, database_ms = line.database_ms,
                    "request"
                );
            }};
        }
        let is_rejected = !facts.codes.is_empty() || of.status.is_server_error();
        match facts.is_graphql || facts.identity.is_some() || is_rejected {
            true => log!(info, INFO),
            // Health checks, metrics and assets.
            false => log!(debug, DEBUG),
        }
    }

    /// Counts and logs an operation of a stream, which took this long unless it is a subscription.
    pub(crate) fn finish_streamed(
        &self,
        id: &RequestId,
        took: Option<Duration>,
        metrics: &OperationMetrics,
        hash: &CallerHash,
    ) {
        let facts = self.facts();
        facts.count(metrics, took);
        let line = facts.line(hash);
        tracing::info!(
            target: "hallpass::request",
            request_id = id.as_str(), trace_id = line.trace_id,
            operation = line.operation, document = line.document,
            caller_kind = line.caller_kind, caller = line.caller, codes = line.codes,
            cost = line.cost, bytes = line.bytes, ms = took.map(milliseconds),
            identity_ms = line.identity_ms, database_ms = line.database_ms,
            "operation of a stream"
        );
    }
}

/// The fields of a line that both kinds have.
struct Line<'a> {
    trace_id: Option<&'a str>,
    operation: Option<&'a str>,
    document: Option<String>,
    caller_kind: Option<&'static str>,
    caller: Option<String>,
    codes: Option<String>,
    cost: Option<u64>,
    bytes: Option<u64>,
    identity_ms: Option<f64>,
    database_ms: Option<f64>,
}

impl Facts {
    fn count(&self, metrics: &OperationMetrics, took: Option<Duration>) {
        let code = self.codes.first().map(String::as_str);
        let name = if self.is_other { Some(OTHER) } else { self.operation.as_deref() };
        metrics.record(name, code, took, self.cost);
    }

    fn line(&self, hash: &CallerHash) -> Line<'_> {
        let caller = self.caller.as_deref();
        let kind = || match caller.map(Caller::kind) {
            None => "anonymous",
            Some(CallerKind::User) => "user",
            Some(CallerKind::Service) => "service",
        };
        Line {
            trace_id: self.trace_id.as_deref(),
            operation: self.operation.as_deref(),
            document: self.document.as_deref().map(|document| digits(document.sha256())),
            caller_kind: self.identity.is_some().then(kind),
            caller: caller.map(|caller| hash.of(caller.id().as_str())),
            codes: (!self.codes.is_empty()).then(|| self.codes.join(",")),
            cost: self.cost,
            bytes: self.bytes.map(|bytes| bytes as u64),
            identity_ms: self.identity.map(milliseconds),
            database_ms: self.document.is_some().then(|| milliseconds(self.database.total())),
        }
    }
}

/// In milliseconds, rounded to microseconds.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The trace id of `traceparent` (W3C Trace Context, section 3.2).
fn trace_id(headers: &HeaderMap) -> Option<Box<str>> {
    let mut parts = headers.get("traceparent")?.to_str().ok()?.split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    let is_valid = version.len() == 2
        && version != "ff"
        && is_hex(version)
        && id.len() == 32
        && is_hex(id)
        && id.bytes().any(|digit| digit != b'0');
    is_valid.then(|| id.into())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn trace_id_must_be_valid() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (header, expected) in [
            (format!("00-{id}-00f067aa0ba902b7-01"), Some(id)),
            (format!("01-{id}-00f067aa0ba902b7-01-more"), Some(id)),
            (format!("ff-{id}-00f067aa0ba902b7-01"), None),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), None),
            (format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), None),
            ("00-4bf9-00f067aa0ba902b7-01".to_owned(), None),
            (String::new(), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("traceparent", HeaderValue::from_str(&header).unwrap());
            assert_eq!(trace_id(&headers).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn caller_hash_depends_on_key_and_id() {
        let hash = CallerHash::new(b"key");
        assert_eq!(hash.of("The quick brown fox jumps over the lazy dog"), "f7bc83f430538424");
        assert_ne!(hash.of("a"), hash.of("b"));
        assert_ne!(hash.of("a"), CallerHash::new(b"other").of("a"));
    }
}
