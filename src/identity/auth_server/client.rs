//! HTTP client for the auth server. Each endpoint has its own bulkhead and circuit breaker, so that one failing
//! endpoint does not affect the others.

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

use super::bulkhead::{Bulkhead, Permit};
use super::circuit_breaker::CircuitBreaker;
use crate::identity::error::Unavailable;
use crate::identity::metrics::{IdentityMetrics, Outcome, Purpose};

/// More than any key set or session.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;
/// Node closes a connection that was idle for five seconds; ours must not be the one that notices.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// The part of `AUTH_TIMEOUT` that may pass until it is one's turn: the rest is for the answer.
const QUEUE_TIMEOUT_SHARE: u32 = 4;
/// When to ask again where the answer does not say.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The longest wait that is passed on: an auth server that asks for more may be well before.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The shortest wait that is passed on.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest wait that is passed on of an API key's own limit, which nothing shortens.
const MAX_KEY_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// A pooled client with a deadline, a limit, and no redirects: an answer from elsewhere is none.
#[derive(Clone)]
pub(crate) struct AuthServerClient {
    client: reqwest::Client,
    timeout: Duration,
    meter: IdentityMetrics,
}

/// One purpose for which the auth server is asked, with its own limit and breaker.
#[derive(Clone)]
pub(crate) struct Endpoint(Arc<EndpointInner>);

struct EndpointInner {
    upstream: AuthServerClient,
    purpose: Purpose,
    turns: Bulkhead,
    breaker: CircuitBreaker,
}

/// What is asked.
pub(crate) struct UpstreamRequest {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether asking twice does no harm.
    repeatable: bool,
    /// The end user for whom it is asked.
    address: Option<IpAddr>,
}

/// What the auth server answered.
pub(crate) struct UpstreamResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// No whole answer came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpstreamError {
    /// Why, for the log.
    pub(crate) reason: &'static str,
    /// When to ask again.
    pub(crate) retry_after: Duration,
    /// Whether it was asked at all.
    was_asked: bool,
}

impl UpstreamError {
    pub(crate) fn new(reason: &'static str) -> Self {
        Self { reason, retry_after: RETRY_AFTER, was_asked: true }
    }

    /// Tells the operator; what was not even asked, at DEBUG only: the breaker has told why,
    /// and under load there are many.
    pub(crate) fn log_outcome(&self, about: &str) {
        let reason = self.reason;
        if self.was_asked {
            tracing::warn!(about, reason, "no answer from the auth server");
        } else {
            tracing::debug!(about, reason, "the auth server was not asked");
        }
    }

    /// The same, to the request that asked who is asking.
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

    /// The same, where asking twice does no harm.
    pub(crate) fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }
}

impl UpstreamResponse {
    /// Its body, where that is JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// When an answer that is none (5xx, 429) says to ask again: `Retry-After` (RFC 9110 section
    /// 10.2.3) or Better Auth's `X-Retry-After`, in seconds.
    pub(crate) fn outage(&self) -> Unavailable {
        let said = ["retry-after", "x-retry-after"].iter().find_map(|name| {
            let seconds = self.headers.get(*name)?.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds))
        });
        let bounded = |wait: Duration| wait.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER);
        Unavailable::of(said.map_or(RETRY_AFTER, bounded))
    }

    /// Where the answer says that an API key has reached its own limit: until when, by `tryAgainIn` in
    /// the error's details, in milliseconds.
    pub(crate) fn key_limit(&self) -> Option<Unavailable> {
        let body = self.json();
        let error = [&body, &body["error"]].into_iter().find(|it| it["code"] == "RATE_LIMITED")?;
        let said = error["details"]["tryAgainIn"].as_u64().map(Duration::from_millis);
        let retry_after = match said {
            Some(wait) => wait.clamp(MIN_RETRY_AFTER, MAX_KEY_LIMIT),
            None => self.outage().retry_after,
        };
        Some(Unavailable { retry_after, is_own_limit: true })
    }
}

impl AuthServerClient {
    #[expect(clippy::disallowed_methods, reason = "this is the one client")]
    pub(crate) fn new(timeout: Duration, meter: IdentityMetrics) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .no_proxy()
            .user_agent(concat!("hallpass/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, timeout, meter })
    }

    /// A line for `purpose`.
    pub(crate) fn endpoint(&self, purpose: Purpose) -> Endpoint {
        Endpoint(Arc::new(EndpointInner {
            upstream: self.clone(),
            purpose,
            turns: Bulkhead::new(),
            breaker: CircuitBreaker::default(),
        }))
    }
}

impl Endpoint {
    /// Asks, once its turn comes, and waits for the whole answer no longer than `AUTH_TIMEOUT` in all.
    pub(crate) async fn send_with_retry(
        &self,
        question: &UpstreamRequest,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let EndpointInner { upstream, purpose, breaker, .. } = &*self.0;
        let deadline = Instant::now() + upstream.timeout;
        let _turn = self.acquire_permit(question.address).await.inspect_err(|_| {
            upstream.meter.record_upstream_request(*purpose, Outcome::NotAsked);
        })?;
        let asked = tokio::time::timeout_at(deadline, self.send_once(question)).await;
        let answer = asked.unwrap_or(Err(UpstreamError::new("it took too long")));
        match &answer {
            Ok(answer) if !answer.status.is_server_error() => {
                breaker.record_success();
                upstream.meter.record_upstream_request(*purpose, Outcome::Answered);
            }
            Ok(_) | Err(_) => {
                upstream.meter.record_upstream_request(*purpose, Outcome::Failed);
                if let Some(open_for) = breaker.record_failure() {
                    tracing::warn!(
                        purpose = purpose.label(),
                        seconds = open_for.as_secs(),
                        "the auth server fails again and again: it is not asked for a moment"
                    );
                }
            }
        }
        answer
    }

    /// Whether it is not asked at present, because it failed again and again.
    pub(crate) fn is_paused(&self) -> bool {
        self.0.breaker.is_open()
    }

    /// A turn to ask; none while it is left alone, or too many wait. That is no failure of its own.
    async fn acquire_permit(&self, address: Option<IpAddr>) -> Result<Permit, UpstreamError> {
        let EndpointInner { upstream, breaker, turns, .. } = &*self.0;
        let left_alone = |left: Duration| {
            let reason = "it failed again and again, and is not asked for a moment";
            let retry_after = left.max(Duration::from_secs(1));
            UpstreamError { reason, retry_after, was_asked: false }
        };
        breaker.allow().map_err(left_alone)?;
        let turn =
            tokio::time::timeout(upstream.timeout / QUEUE_TIMEOUT_SHARE, turns.acquire(address))
                .await;
        breaker.allow().map_err(left_alone)?;
        let reason = "too many wait for its answer already";
        let too_many = UpstreamError { reason, retry_after: RETRY_AFTER, was_asked: false };
        turn.ok().flatten().ok_or(too_many)
    }

    async fn send_once(
        &self,
        question: &UpstreamRequest,
    ) -> Result<UpstreamResponse, UpstreamError> {
        match self.send(question).await {
            // A connection that the server closed just as it was used again: it saw nothing.
            Err(error) if question.repeatable && is_connection_closed(&error) => self
                .send(question)
                .await
                .map_err(|error| UpstreamError::new(describe_error(&error)))?,
            sent => sent.map_err(|error| UpstreamError::new(describe_error(&error)))?,
        }
        .ok_or(UpstreamError::new("the answer is larger than 1 MiB"))
    }

    /// The answer; none when it is too large.
    async fn send(
        &self,
        question: &UpstreamRequest,
    ) -> Result<Option<UpstreamResponse>, reqwest::Error> {
        let UpstreamRequest { method, url, headers, body, .. } = question;
        let request = self.0.upstream.client.request(method.clone(), url.clone());
        let mut response = request.headers(headers.clone()).body(body.clone()).send().await?;
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

/// Whether the connection ended before an answer began.
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

/// A reason without the address, which could hold a password.
fn describe_error(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "it took too long";
    }
    if !error.is_connect() {
        return "the answer broke off";
    }
    // The libraries below have no types for these that could be asked.
    let mut causes = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes += &error.to_string();
        cause = error.source();
    }
    let says = |word: &str| causes.contains(word);
    if says("certificate") {
        "its TLS certificate is not trusted"
    } else if says("InvalidContentType") || says("corrupt message") {
        "it does not speak TLS: its address starts with http"
    } else if says("lookup address") || says("dns error") {
        "no server of that name is known"
    } else {
        "nobody answers there"
    }
}
