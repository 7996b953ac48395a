//! HTTP client for the auth server. Each endpoint has its own bulkhead and circuit breaker, so that one
//! failing endpoint does not affect the others.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use hyper::Error as HyperError;
use reqwest::Url;
use reqwest::redirect::Policy;
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::bulkhead::{Bulkhead, Permit};
use super::circuit_breaker::{Attempt, CircuitBreaker, Failure};
use crate::config::TraceParent;
use crate::error::{Unavailable, UnavailableCause};
use crate::metrics::{IdentityMetrics, Outcome, Purpose};

/// Larger than any key set or session.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;
/// Node closes connections that are idle for five seconds; this client closes them before.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// The fraction of `AUTH_TIMEOUT` to wait for a permit: the rest is for the response.
const QUEUE_TIMEOUT_SHARE: u32 = 4;
/// Retry delay when the response has no `Retry-After`.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The longest `Retry-After` that is passed on: the auth server may recover earlier.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Why a request is not sent that got no permit in time.
const QUEUE_FULL: &str = "too many requests already wait for it";

/// The shortest `Retry-After` that is passed on.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest wait that is passed on for an API key's own rate limit, which nothing shortens.
const MAX_KEY_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// A pooled client with a deadline and a size limit. It follows no redirects: a response from another
/// server is not the auth server's.
#[derive(Clone)]
pub(crate) struct AuthServerClient {
    client: reqwest::Client,
    timeout: Duration,
    trace_parent: Option<TraceParent>,
    metrics: IdentityMetrics,
}

/// One endpoint of the auth server, with its own bulkhead and circuit breaker.
#[derive(Clone)]
pub(crate) struct Endpoint(Arc<EndpointInner>);

struct EndpointInner {
    upstream: AuthServerClient,
    purpose: Purpose,
    bulkhead: Bulkhead,
    breaker: CircuitBreaker,
}

/// A request to the auth server.
#[derive(Clone)]
pub(crate) struct UpstreamRequest {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether it may be sent twice (idempotent).
    repeatable: bool,
    /// The end user on whose behalf it is sent.
    address: Option<IpAddr>,
}

/// A response of the auth server.
pub(crate) struct UpstreamResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// No complete response was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpstreamError {
    /// Why, for the log.
    pub(crate) reason: &'static str,
    /// When to retry.
    pub(crate) retry_after: Duration,
    /// Whether a request was sent at all.
    was_sent: bool,
    failure: Failure,
}

impl UpstreamError {
    pub(crate) fn new(reason: &'static str) -> Self {
        Self { reason, retry_after: RETRY_AFTER, was_sent: true, failure: Failure::Error }
    }

    fn timeout() -> Self {
        Self { failure: Failure::Timeout, ..Self::new("it took too long") }
    }

    fn not_sent(reason: &'static str, retry_after: Duration) -> Self {
        Self { retry_after, was_sent: false, ..Self::new(reason) }
    }

    /// Logs the error; while the circuit is open at DEBUG only, because the circuit breaker logged the reason.
    pub(crate) fn log_outcome(&self, about: &str) {
        let reason = self.reason;
        if self.was_sent {
            tracing::warn!(about, reason, "no response from the auth server");
        } else if reason == QUEUE_FULL {
            tracing::warn!(about, reason, "no request was sent to the auth server");
        } else {
            tracing::debug!(about, reason, "no request was sent to the auth server");
        }
    }

    /// The error as the authenticated request sees it.
    pub(crate) fn outage(self) -> Unavailable {
        Unavailable::of(self.retry_after)
    }
}

impl UpstreamRequest {
    pub(crate) fn get(url: Url, headers: HeaderMap) -> Self {
        let body = Vec::new();
        Self { method: Method::GET, url, headers, body, repeatable: true, address: None }
    }

    pub(crate) fn post(url: Url, headers: HeaderMap, body: Vec<u8>) -> Self {
        Self { method: Method::POST, url, headers, body, repeatable: false, address: None }
    }

    /// The same, on behalf of an end user at `address`.
    pub(crate) fn for_client(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// The same, for a request that may be sent twice.
    pub(crate) fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }
}

impl UpstreamResponse {
    /// The body as JSON; null when it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The outage that an error response (5xx, 429) describes: `Retry-After` (RFC 9110 section
    /// 10.2.3) or Better Auth's `X-Retry-After`, in seconds.
    pub(crate) fn outage(&self) -> Unavailable {
        let stated = ["retry-after", "x-retry-after"].iter().find_map(|name| {
            let seconds = self.headers.get(*name)?.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds))
        });
        let bounded = |wait: Duration| wait.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER);
        Unavailable::of(stated.map_or(RETRY_AFTER, bounded))
    }

    /// The rate limit of the API key itself, if the response reports that it is exceeded: `tryAgainIn`
    /// in the error's details, in milliseconds.
    pub(crate) fn key_limit(&self) -> Option<Unavailable> {
        let body = self.json();
        let error = [&body, &body["error"]].into_iter().find(|it| it["code"] == "RATE_LIMITED")?;
        let stated = error["details"]["tryAgainIn"].as_u64().map(Duration::from_millis);
        let retry_after = match stated {
            Some(wait) => wait.clamp(MIN_RETRY_AFTER, MAX_KEY_LIMIT),
            None => self.outage().retry_after,
        };
        Some(Unavailable { retry_after, cause: UnavailableCause::OwnLimit })
    }
}

impl AuthServerClient {
    #[expect(clippy::disallowed_methods, reason = "this is the one client")]
    pub(crate) fn new(
        timeout: Duration,
        trace_parent: Option<TraceParent>,
        metrics: IdentityMetrics,
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .no_proxy()
            .user_agent(concat!("hallpass/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, timeout, trace_parent, metrics })
    }

    /// An endpoint for `purpose`.
    pub(crate) fn endpoint(&self, purpose: Purpose) -> Endpoint {
        Endpoint(Arc::new(EndpointInner {
            upstream: self.clone(),
            purpose,
            bulkhead: Bulkhead::new(),
            breaker: CircuitBreaker::default(),
        }))
    }
}

impl Endpoint {
    /// Sends the request once there is a permit. Takes no longer than `AUTH_TIMEOUT`, including the wait.
    pub(crate) async fn send(
        &self,
        request: &UpstreamRequest,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let purpose = <&str>::from(self.0.purpose);
        let span = tracing::trace_span!(
            target: "hallpass::trace",
            "auth server",
            otel.kind = "client",
            http.request.method = request.method.as_str(),
            http.response.status_code = Empty,
            otel.status_code = Empty,
            purpose,
        );
        let began = Instant::now();
        let response = self.send_limited(request).instrument(span.clone()).await;
        if let Ok(response) = &response {
            span.record("http.response.status_code", response.status.as_u16());
        }
        if response.as_ref().map_or(true, |response| response.status.is_server_error()) {
            span.record("otel.status_code", "ERROR");
        }
        self.0.upstream.metrics.observe_upstream(self.0.purpose, began.elapsed());
        response
    }

    async fn send_limited(
        &self,
        request: &UpstreamRequest,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let EndpointInner { upstream, purpose, .. } = &*self.0;
        let deadline = Instant::now() + upstream.timeout;
        let (permit, attempt) = self.acquire_permit(request.address).await.inspect_err(|_| {
            upstream.metrics.record_upstream_request(*purpose, Outcome::NotSent);
        })?;
        // In a task: its result counts, and it holds its permit, also when the caller is cancelled meanwhile.
        let (endpoint, request) = (self.clone(), request.clone());
        let sending = async move {
            let _permit = permit;
            let sent = tokio::time::timeout_at(deadline, endpoint.send_with_retry(&request)).await;
            let response = sent.unwrap_or(Err(UpstreamError::timeout()));
            endpoint.record(&attempt, &response);
            response
        };
        let sent = tokio::spawn(sending.in_current_span()).await;
        sent.unwrap_or(Err(UpstreamError::new("the request was stopped")))
    }

    /// Records the result of a request in the metrics and the circuit breaker.
    fn record(&self, attempt: &Attempt, response: &Result<UpstreamResponse, UpstreamError>) {
        let EndpointInner { upstream, purpose, breaker, .. } = &*self.0;
        let failure = match response {
            Ok(response) if !response.status.is_server_error() => {
                breaker.record_success();
                upstream.metrics.record_upstream_request(*purpose, Outcome::Answered);
                return;
            }
            Ok(_) => Failure::Error,
            Err(error) => error.failure,
        };
        upstream.metrics.record_upstream_request(*purpose, Outcome::Failed);
        if let Some(open_for) = breaker.record_failure(attempt, failure) {
            tracing::warn!(
                purpose = <&str>::from(purpose),
                seconds = open_for.as_secs(),
                "circuit breaker opened: the auth server fails repeatedly"
            );
        }
    }

    /// Whether its circuit breaker is open.
    pub(crate) fn is_paused(&self) -> bool {
        self.0.breaker.is_open()
    }

    /// A permit; an error while the circuit is open or too many requests wait, which is not a failure of
    /// the endpoint.
    async fn acquire_permit(
        &self,
        address: Option<IpAddr>,
    ) -> Result<(Permit, Attempt), UpstreamError> {
        let EndpointInner { upstream, breaker, bulkhead, .. } = &*self.0;
        let circuit_open = |left: Duration| {
            let reason = "it failed repeatedly, and its circuit breaker is open";
            UpstreamError::not_sent(reason, left.max(Duration::from_secs(1)))
        };
        breaker.check().map_err(circuit_open)?;
        let permit =
            tokio::time::timeout(upstream.timeout / QUEUE_TIMEOUT_SHARE, bulkhead.acquire(address))
                .await;
        let queue_full = UpstreamError::not_sent(QUEUE_FULL, RETRY_AFTER);
        let Some(permit) = permit.ok().flatten() else {
            breaker.check().map_err(circuit_open)?;
            return Err(queue_full);
        };
        Ok((permit, breaker.begin(upstream.timeout).map_err(circuit_open)?))
    }

    /// Sends the request, and once more if the server closed the idle connection.
    async fn send_with_retry(
        &self,
        request: &UpstreamRequest,
    ) -> Result<UpstreamResponse, UpstreamError> {
        match self.send_once(request).await {
            // The server closed the idle connection as it was reused: it did not receive the request.
            Err(error) if request.repeatable && is_connection_closed(&error) => self
                .send_once(request)
                .await
                .map_err(|error| UpstreamError::new(describe_error(&error)))?,
            sent => sent.map_err(|error| UpstreamError::new(describe_error(&error)))?,
        }
        .ok_or(UpstreamError::new("the response is larger than 1 MiB"))
    }

    /// The response; none when it is too large.
    async fn send_once(
        &self,
        request: &UpstreamRequest,
    ) -> Result<Option<UpstreamResponse>, reqwest::Error> {
        let UpstreamRequest { method, url, headers, body, .. } = request;
        let builder = self.0.upstream.client.request(method.clone(), url.clone());
        let mut headers = headers.clone();
        if let Some(parent) = self.0.upstream.trace_parent.and_then(|trace_parent| trace_parent()) {
            headers.insert("traceparent", parent);
        }
        let mut response = builder.headers(headers).body(body.clone()).send().await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Some(UpstreamResponse { status: response.status(), headers, body }))
    }
}

/// Whether the connection was closed before the response began.
fn is_connection_closed(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<HyperError>() {
            return error.is_incomplete_message() || error.is_canceled();
        }
        cause = error.source();
    }
    false
}

/// The reason without the URL, which could contain a password.
fn describe_error(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "it took too long";
    }
    if !error.is_connect() {
        return "the response was cut off";
    }
    // The libraries below have no public types for these errors.
    let mut causes = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes += &error.to_string();
        cause = error.source();
    }
    let mentions = |word: &str| causes.contains(word);
    if mentions("certificate") {
        "its TLS certificate is not trusted"
    } else if mentions("InvalidContentType") || mentions("corrupt message") {
        "it does not speak TLS: its address starts with http"
    } else if mentions("lookup address") || mentions("dns error") {
        "no server of that name is known"
    } else {
        "no server responds there"
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn timeouts_of_cancelled_callers_count() {
        // Connections are established, and nothing responds.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let timeout = Duration::from_millis(500);
        let client = AuthServerClient::new(timeout, None, IdentityMetrics::default()).unwrap();
        let endpoint = client.endpoint(Purpose::Sessions);
        let request = UpstreamRequest::get(url, HeaderMap::new());
        let cancelled = (0..4)
            .map(|_| tokio::time::timeout(Duration::from_millis(50), endpoint.send(&request)));
        assert!(join_all(cancelled).await.iter().all(Result::is_err));
        assert!(endpoint.send(&request).await.is_err_and(|error| error.was_sent));
        let began = Instant::now();
        assert!(endpoint.send(&request).await.is_err_and(|error| !error.was_sent));
        assert!(began.elapsed() < timeout, "it fails at once");
        assert!(endpoint.is_paused());
    }
}
