//! Request middleware: request id, access log, metrics, and security headers of responses.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HOST, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::{Instrument as _, Span};

use super::HttpState;
use super::client_ip::{PeerAddr, client_ip};
use super::graphql::response::{MediaType, Rejection, RequestId};
use super::ops::request_record::{Exchange, RequestRecord};
use crate::telemetry;
use crate::telemetry::TARGET;

/// The header that names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) async fn request_middleware(
    State(shared): State<Arc<HttpState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::generate();
    let record = RequestRecord::of(request.headers());
    let traced = server_span(&request, &record);
    let span = tracing::info_span!("request", id = id.as_str());
    // DNS rebinding: a page on a domain that resolves to this machine could otherwise read the personas' tokens. So could
    // a client of a proxy that serves other machines.
    if shared.deps.options.is_development
        && !(is_loopback_host(request.headers()) && is_loopback_client(&shared, &request))
    {
        let message = "In development mode this server accepts requests to localhost and loopback addresses only.";
        return Rejection::http(StatusCode::FORBIDDEN, message).into_response(MediaType::Json, &id);
    }
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(record.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = Instant::now();
    let mut response = next.run(request).instrument(span).instrument(traced.clone()).await;
    let (status, took) = (response.status(), began.elapsed());
    shared.metrics.record_response(status, took);
    let exchange = Exchange { id: &id, method: &method, path: &path, status, took };
    traced.record("http.response.status_code", status.as_u16());
    record.finish(&exchange, &shared.operation_metrics, &shared.caller_hash);
    set_response_headers(response.headers_mut(), &id, &shared.vary);
    response
}

/// The span of the request in a trace, which continues that of the client.
fn server_span(request: &Request, record: &RequestRecord) -> Span {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let span = tracing::trace_span!(
        target: TARGET,
        "HTTP request",
        otel.kind = "server",
        otel.name = format_args!("{method} {path}"),
        http.request.method = method,
        url.path = path,
        http.response.status_code = tracing::field::Empty,
    );
    telemetry::continue_trace(&span, request.headers());
    if let Some(id) = telemetry::trace_id(&span) {
        record.traced(id);
    }
    span
}

fn is_loopback_client(shared: &HttpState, request: &Request) -> bool {
    let peer = request.extensions().get::<PeerAddr>();
    peer.is_some_and(|peer| {
        client_ip(*peer, request.headers(), &shared.deps.options.trusted_proxies).is_loopback()
    })
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

fn set_response_headers(headers: &mut HeaderMap, id: &RequestId, vary: &HeaderValue) {
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
