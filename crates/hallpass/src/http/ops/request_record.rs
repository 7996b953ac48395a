//! What one request or one operation of a stream did: for its line in the log, and for the metrics of operations.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{Extensions, HeaderMap, Method, StatusCode};
use hallpass_data::DatabaseTime;
use hallpass_identity::{Caller, CallerKind};

use super::log_hash::{LogHash, digits};
use super::operation_metrics::{MAX_NAME_BYTES, OTHER, OperationMetrics};
use super::request_line::{Kind, Line};
use crate::http::client_ip::ClientNetwork;
use crate::http::graphql::authenticate::FailedCheck;
use crate::http::graphql::rejection::Rejection;
use crate::http::graphql::request::GraphQlParams;
use crate::http::graphql::response::{RequestId, ResponseBody};
use crate::http::limits::document_cache::Document;

/// Longer ids of documents are cut. A SHA-256 with the name of its function has 71 characters.
const MAX_ID_CHARS: usize = 80;
/// Codes in one line.
const MAX_CODES: usize = 5;

/// A record that is filled in while the request is handled; clones share it.
#[derive(Clone, Default)]
pub(crate) struct RequestRecord(Arc<Mutex<Facts>>);

#[derive(Default)]
struct Facts {
    is_graphql: bool,
    /// Whether its operation ends after the head of the response.
    is_streamed: bool,
    trace_id: Option<Box<str>>,
    client: Option<ClientNetwork>,
    caller: Option<Arc<Caller>>,
    failed: Option<Failed>,
    /// The time of authentication, also if it failed.
    identity: Option<Duration>,
    database: DatabaseTime,
    /// The id of a document that was sent in its place.
    document_id: Option<String>,
    document: Option<Arc<Document>>,
    operation: Option<String>,
    /// Whether metrics count it as one of many others: not a trusted document, where some are.
    is_other: bool,
    cost: Option<u64>,
    /// Whether it was rejected before it was executed.
    is_rejected: bool,
    codes: Vec<String>,
    /// WebSockets and event streams that the caller, or else the client, holds: of one that is opened.
    streams: Option<usize>,
    /// The size of the response, in a stream without its framing.
    bytes: Option<u64>,
}

/// What failed of an authentication.
#[derive(Clone, Copy)]
struct Failed {
    check: FailedCheck,
    /// The kind of the credential.
    credential: Option<&'static str>,
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

    /// A record of a request of this end user.
    pub(crate) fn of_client(address: IpAddr) -> Self {
        let record = Self::default();
        record.facts().client = Some(ClientNetwork::of(address));
        record
    }

    /// A record of a request of this end user, with these headers.
    pub(crate) fn of(address: IpAddr, headers: &HeaderMap) -> Self {
        let record = Self::of_client(address);
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

    /// Authentication failed after this time, at `check` of a credential of this kind.
    pub(crate) fn unauthenticated(
        &self,
        check: FailedCheck,
        credential: Option<&'static str>,
        took: Duration,
    ) {
        let mut facts = self.facts();
        facts.identity = Some(took);
        facts.failed = Some(Failed { check, credential });
    }

    /// The time of the request in the database.
    pub(crate) fn database_time(&self) -> DatabaseTime {
        self.facts().database.clone()
    }

    /// The client has sent the id or the hash of a document.
    pub(crate) fn sent_document(&self, params: &GraphQlParams) {
        let id = params.sent_id();
        self.facts().document_id = id.map(|id| id.chars().take(MAX_ID_CHARS).collect());
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

    /// The name of the operation.
    pub(crate) fn operation(&self) -> Option<String> {
        self.facts().operation.clone()
    }

    /// The code of its first error.
    pub(crate) fn code(&self) -> Option<String> {
        self.facts().codes.first().cloned()
    }

    /// The operation ends after the head of the response.
    pub(crate) fn streamed(&self) {
        self.facts().is_streamed = true;
    }

    /// The operation was executed.
    pub(crate) fn responded(&self, body: &ResponseBody) {
        let mut facts = self.facts();
        facts.codes = body.codes().take(MAX_CODES).map(str::to_owned).collect();
        facts.bytes = Some(body.json_length() as u64);
    }

    /// It opens a WebSocket or an event stream: the caller, or else the client, holds this number.
    pub(crate) fn holds_streams(&self, streams: usize) {
        self.facts().streams = Some(streams);
    }

    /// The response has a body of this size, before it is compressed.
    pub(crate) fn sent(&self, bytes: u64) {
        self.facts().bytes = Some(bytes);
    }

    /// The request was rejected.
    pub(crate) fn rejected(&self, rejection: &Rejection) {
        let mut facts = self.facts();
        facts.is_rejected = true;
        facts.codes = vec![rejection.code().to_owned()];
    }

    /// Counts and logs an HTTP request.
    pub(crate) fn finish(&self, of: &Exchange<'_>, metrics: &OperationMetrics, hash: &LogHash) {
        let facts = self.facts();
        if facts.is_graphql && !facts.is_streamed {
            facts.count(metrics, Some(of.took));
        }
        let is_rejected = !facts.codes.is_empty() || of.status.is_server_error();
        let kind = match facts.is_graphql || facts.identity.is_some() || is_rejected {
            true => facts.kind(),
            false => Kind::Detail,
        };
        if kind.is_enabled() {
            let line = Line {
                message: "request",
                method: Some(of.method.as_str()),
                path: Some(of.path),
                status: Some(of.status.as_u16()),
                streams: facts.streams(),
                ms: Some(milliseconds(of.took)),
                ..facts.line(of.id, hash)
            };
            line.write(kind);
        }
    }

    /// Counts and logs an operation of a stream, which took this long unless it is a subscription.
    pub(crate) fn finish_streamed(
        &self,
        id: &RequestId,
        took: Option<Duration>,
        metrics: &OperationMetrics,
        hash: &LogHash,
    ) {
        let facts = self.facts();
        facts.count(metrics, took);
        let (message, ms) = ("operation of a stream", took.map(milliseconds));
        Line { message, ms, ..facts.line(id, hash) }.write(facts.kind());
    }

    /// Logs that a WebSocket is open: its caller is authenticated.
    pub(crate) fn socket_opened(&self, id: &RequestId, hash: &LogHash) {
        let facts = self.facts();
        let streams = facts.streams();
        Line { message: "WebSocket opened", streams, ..facts.line(id, hash) }.write(facts.kind());
    }

    /// Logs that the server closes a WebSocket with this close code, because of an error with the code `error`. Its
    /// reason is left out: it may quote the client.
    pub(crate) fn finish_socket(
        &self,
        id: &RequestId,
        code: u16,
        error: Option<&str>,
        hash: &LogHash,
    ) {
        let mut facts = self.facts();
        facts.is_rejected = error.is_some();
        facts.codes = error.into_iter().map(str::to_owned).collect();
        let line = Line {
            message: "WebSocket closed by the server",
            code: Some(code),
            client: facts.client.as_ref().map(|client| hash.of_client(client)),
            ..facts.line(id, hash)
        };
        line.write(facts.kind());
    }
}

impl Facts {
    fn count(&self, metrics: &OperationMetrics, took: Option<Duration>) {
        let code = self.codes.first().map(String::as_str);
        let name = if self.is_other { Some(OTHER) } else { self.operation.as_deref() };
        metrics.record(name, code, took, self.cost);
    }

    /// Whether the request was refused: a client may send any number of those.
    fn kind(&self) -> Kind {
        if self.is_rejected { Kind::Refused } else { Kind::Ordinary }
    }

    fn streams(&self) -> Option<u64> {
        self.streams.and_then(|streams| streams.try_into().ok())
    }

    fn caller_kind(&self) -> &'static str {
        match self.caller.as_deref().map(Caller::kind) {
            _ if self.failed.is_some() => "unknown",
            None => "anonymous",
            Some(CallerKind::User) => "user",
            Some(CallerKind::Service) => "service",
        }
    }

    fn document(&self) -> Option<String> {
        match self.document.as_deref() {
            Some(document) => Some(digits(document.sha256())),
            None => self.document_id.clone(),
        }
    }

    /// The fields that all kinds of lines have.
    fn line<'a>(&'a self, id: &'a RequestId, hash: &LogHash) -> Line<'a> {
        let caller = self.caller.as_deref();
        let client = self.client.as_ref().filter(|_| caller.is_none());
        Line {
            request_id: id.as_str(),
            trace_id: self.trace_id.as_deref(),
            operation: self.operation.as_deref(),
            document: self.document(),
            caller_kind: self.identity.is_some().then(|| self.caller_kind()),
            caller: caller.map(|caller| hash.of_caller(caller)),
            client: client.map(|client| hash.of_client(client)),
            credential: self.failed.and_then(|failed| failed.credential),
            check: self.failed.map(|failed| failed.check.name()),
            codes: (!self.codes.is_empty()).then(|| self.codes.join(",")),
            cost: self.cost,
            bytes: self.bytes,
            identity_ms: self.identity.map(milliseconds),
            database_ms: self.document.is_some().then(|| milliseconds(self.database.total())),
            ..Line::default()
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
    use crate::code;

    #[test]
    fn lines_of_all_rejections_are_those_of_refusals() {
        for rejection in [
            Rejection::unavailable(code::UNAVAILABLE, "", Duration::ZERO),
            Rejection::unavailable(code::AUTH_UNAVAILABLE, "", Duration::ZERO),
            Rejection::http(StatusCode::BAD_REQUEST, ""),
            Rejection::cross_site(""),
        ] {
            let record = RequestRecord::default();
            record.rejected(&rejection);
            assert!(matches!(record.facts().kind(), Kind::Refused), "{}", rejection.code());
            record.facts().is_rejected = false;
            assert!(matches!(record.facts().kind(), Kind::Ordinary), "it was executed");
        }
    }

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
}
