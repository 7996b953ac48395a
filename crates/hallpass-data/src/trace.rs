//! Spans of a trace: statements, and the wait for a connection. Without an exporter they cost a comparison.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use sea_orm::DbErr;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

/// Runs `work`, which executes `sql`, in a span. The span has the text of the statement, which has no values, and of an
/// error its SQLSTATE only: messages may quote values.
pub(crate) async fn statement<T>(
    sql: &str,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let span = tracing::trace_span!(
        target: "hallpass::trace",
        "statement",
        otel.kind = "client",
        otel.status_code = Empty,
        db.query.text = sql,
        db.response.status_code = Empty,
    );
    let done = work.instrument(span.clone()).await;
    if let Err(error) = &done {
        fail(&span);
        if let Some(code) = error.as_database_error().and_then(|error| error.code()) {
            span.record("db.response.status_code", &*code);
        }
    }
    done
}

/// Completes `work`, which takes a connection: in a span, if it has to wait.
pub(crate) async fn wait_for_connection<T>(
    work: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let mut work = pin!(work);
    let first = poll_fn(|context| {
        Poll::Ready(match work.as_mut().poll(context) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        })
    });
    if let Some(done) = first.await {
        return done;
    }
    let span = tracing::trace_span!(
        target: "hallpass::trace",
        "wait for a connection",
        otel.status_code = Empty,
    );
    work.instrument(span.clone()).await.inspect_err(|_| fail(&span))
}

/// Sets the status of the span (OpenTelemetry, section "Set Status").
fn fail(span: &Span) {
    span.record("otel.status_code", "ERROR");
}
