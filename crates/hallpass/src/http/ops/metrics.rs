//! `GET /metrics`: metrics in the Prometheus text format, and the metrics of HTTP requests.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::process_metrics::ProcessMetrics;
use crate::application::Application;

/// Media types of the exposition formats: OpenMetrics, and the Prometheus text format.
const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The statuses of this server's own responses: their series exist from the start, so that the first response shows as an
/// increase. Routes of an application may have others.
const STATUSES: [StatusCode; 18] = [
    StatusCode::SWITCHING_PROTOCOLS,
    StatusCode::OK,
    StatusCode::NO_CONTENT,
    StatusCode::NOT_MODIFIED,
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::NOT_ACCEPTABLE,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::CONFLICT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UPGRADE_REQUIRED,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// Metrics of HTTP requests.
#[derive(Clone)]
pub(crate) struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    duration_seconds: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    status: u16,
}

impl HttpMetrics {
    pub(crate) fn registered(registry: &mut Registry) -> Self {
        // From half a millisecond to about eight seconds.
        let duration_seconds = Histogram::new(exponential_buckets(0.0005, 2.0, 15));
        let metrics = Self { requests: Family::default(), duration_seconds };
        STATUSES.into_iter().for_each(|status| metrics.count(status, 0));
        registry.register_collector(Box::new(ProcessMetrics::start()));
        registry.register(
            "http_requests",
            "HTTP requests, by response status",
            metrics.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from the request to the head of its response",
            metrics.duration_seconds.clone(),
        );
        metrics
    }

    pub(crate) fn record_response(&self, status: StatusCode, took: std::time::Duration) {
        self.count(status, 1);
        self.duration_seconds.observe(took.as_secs_f64());
    }

    fn count(&self, status: StatusCode, responses: u64) {
        self.requests.get_or_create(&RequestLabels { status: status.as_u16() }).inc_by(responses);
    }
}

/// Registers the version of the program.
pub(crate) fn register_build_info(application: &Application, registry: &mut Registry) {
    let labels =
        [("version", application.version()), ("commit", application.commit().unwrap_or("unknown"))];
    registry.register("hallpass_build", "Version of the program", Info::new(labels));
}

/// The router of the metrics address.
pub(crate) fn router(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(export)).with_state(registry)
}

async fn export(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    let mut text = String::new();
    if text::encode(&mut text, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let media = if accepts.contains("openmetrics") { OPENMETRICS_TYPE } else { PROMETHEUS_TYPE };
    ([(CONTENT_TYPE, media)], text).into_response()
}
