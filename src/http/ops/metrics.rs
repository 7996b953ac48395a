//! `GET /metrics`: Prometheus metrics.

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
use prometheus_client::registry::Registry;

/// The two names of nearly the same text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the edge counts.
#[derive(Clone)]
pub(crate) struct HttpMetrics {
    answers: Family<Labels, Counter>,
    seconds: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    status: u16,
}

impl HttpMetrics {
    pub(crate) fn registered(registry: &mut Registry) -> Self {
        // From half a millisecond to about eight seconds.
        let seconds = Histogram::new(exponential_buckets(0.0005, 2.0, 15));
        let meter = Self { answers: Family::default(), seconds };
        registry.register(
            "hallpass_http_answers",
            "Answers, by their status",
            meter.answers.clone(),
        );
        registry.register(
            "hallpass_http_answer_seconds",
            "How long answers took",
            meter.seconds.clone(),
        );
        meter
    }

    pub(crate) fn record_response(&self, status: StatusCode, took: std::time::Duration) {
        self.answers.get_or_create(&Labels { status: status.as_u16() }).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

/// The one route that a separate address serves.
pub(crate) fn router(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(registry)
}

async fn metrics(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    let mut text = String::new();
    if text::encode(&mut text, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let media = if accepts.contains("openmetrics") { OPENMETRICS } else { PROMETHEUS };
    ([(CONTENT_TYPE, media)], text).into_response()
}
