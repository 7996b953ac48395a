//! Traces by OpenTelemetry, exported by OTLP over HTTP. Off unless OTEL_EXPORTER_OTLP_ENDPOINT is set.
//!
//! The spans of a trace have the target [`TARGET`] and the level TRACE: without an exporter no subscriber is interested
//! in them, and they cost a comparison. A trace continues that of the client (`traceparent`, W3C Trace Context), and the
//! auth server can continue it.

use axum::http::{HeaderMap, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::TelemetrySettings;

/// The target of the spans.
pub(crate) const TARGET: &str = "hallpass::trace";
/// The path of traces below the endpoint (OTLP/HTTP, section "OTLP/HTTP Request").
const TRACES_PATH: &str = "v1/traces";
const TRACE_PARENT: &str = "traceparent";

/// The exporter. What is left is exported when it is dropped.
pub(crate) struct Exporter(SdkTracerProvider);

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "failed to export the last traces");
        }
    }
}

/// A layer that exports spans, if an endpoint is set.
///
/// # Errors
/// If the exporter cannot be built.
pub(crate) fn layer<S>(
    settings: &TelemetrySettings,
) -> Result<Option<(impl Layer<S> + use<S>, Exporter)>, String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(endpoint) = &settings.endpoint else { return Ok(None) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/{TRACES_PATH}", endpoint.as_str().trim_end_matches('/')))
        .build()
        .map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"))?;
    let resource = Resource::builder().with_service_name(settings.service_name.clone()).build();
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("hallpass"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_filter(Targets::new().with_target(TARGET, tracing::Level::TRACE));
    Ok(Some((layer, Exporter(provider))))
}

/// The filter of the log, without the spans of traces.
pub(crate) fn without_traces(filter: EnvFilter) -> EnvFilter {
    match format!("{TARGET}=off").parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

#[derive(Default)]
struct TraceParent(Option<HeaderValue>);

impl Injector for TraceParent {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACE_PARENT {
            self.0 = HeaderValue::from_str(&value).ok();
        }
    }
}

/// Marks `span` as failed (OpenTelemetry, section "Set Status"), by an error of this kind. It must have the fields.
pub(crate) fn fail(span: &Span, kind: &str) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", kind);
}

/// Makes `span` a child of the client's span, if its `headers` name one.
pub(crate) fn continue_trace(span: &Span, headers: &HeaderMap) {
    if !span.is_disabled() && headers.contains_key(TRACE_PARENT) {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // Fails without an exporter only, and then the span is disabled.
        let _ = span.set_parent(parent);
    }
}

/// The trace of `span`, in hexadecimal digits, if it is exported.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let id = context.span().span_context().trace_id();
    (id != opentelemetry::TraceId::INVALID).then(|| id.to_string())
}

/// The header `traceparent` of requests to the auth server, within a span that is exported.
pub(crate) fn trace_parent() -> Option<HeaderValue> {
    let span = Span::current();
    if span.is_disabled() {
        return None;
    }
    let mut header = TraceParent::default();
    TraceContextPropagator::new().inject_context(&span.context(), &mut header);
    header.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_traced_without_an_exporter() {
        let span = tracing::trace_span!(target: TARGET, "request");
        assert!(trace_id(&span).is_none());
        assert!(span.in_scope(trace_parent).is_none());
    }
}
