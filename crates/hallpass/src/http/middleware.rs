//! What every request and response has: a span, an id, a check of the host, and security headers.

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, HOST, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tracing::Span;
use tracing::field::Empty;

use super::HttpState;
use super::client_ip::{PeerAddr, client_ip};
use super::graphql::response::RequestId;
use super::ops::request_record::RequestRecord;
use crate::telemetry;
use crate::telemetry::TARGET;

/// The header that names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The span of the request in a trace, which continues that of the client.
pub(super) fn server_span(request: &Request, record: &RequestRecord) -> Span {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let span = tracing::trace_span!(
        target: TARGET,
        "HTTP request",
        otel.kind = "server",
        otel.name = format_args!("{method} {path}"),
        http.request.method = method,
        url.path = path,
        http.response.status_code = Empty,
        graphql.operation.name = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    );
    telemetry::continue_trace(&span, request.headers());
    if let Some(id) = telemetry::trace_id(&span) {
        record.traced(id);
    }
    span
}

/// Adds to the span of a request what is known when it ends. A status of 4xx is no failure of the server.
pub(super) fn end_span(span: &Span, status: StatusCode, record: &RequestRecord) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status.as_u16());
    if let Some(name) = record.operation() {
        span.record("graphql.operation.name", name.as_str());
    }
    if status.is_server_error() {
        telemetry::fail(span, &record.code().unwrap_or_else(|| status.as_u16().to_string()));
    }
}

/// Whether a request was sent by a client on this machine, to a name of this machine.
pub(super) fn is_loopback(shared: &HttpState, headers: &HeaderMap, peer: PeerAddr) -> bool {
    is_loopback_host(headers)
        && client_ip(peer, headers, &shared.deps.options.trusted_proxies).is_loopback()
}

fn is_loopback_host(headers: &HeaderMap) -> bool {
    // Only HTTP/1.0 allows a missing Host, and browsers do not send HTTP/1.0.
    let Some(host) = headers.get(HOST) else { return true };
    let host = host.to_str().unwrap_or_default();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The `Vary` of every response: the headers of a request that its response depends on.
pub(super) fn vary(api_key_header: &HeaderName) -> HeaderValue {
    let names = format!("Accept, Accept-Encoding, Authorization, Cookie, Origin, {api_key_header}");
    HeaderValue::try_from(names).expect("header names are visible ASCII")
}

pub(super) fn set_response_headers(headers: &mut HeaderMap, id: &RequestId, vary: &HeaderValue) {
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.append(VARY, vary.clone());
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

pub(crate) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "Not found: the GraphQL endpoint is /graphql.\n").into_response()
}
