//! Liveness (`GET /health`) and readiness (`GET /ready`).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::http::HttpState;
use crate::identity::IdentityHealth;

/// The process lives. Touches nothing else: a server whose database is away must not be restarted.
pub(crate) async fn liveness() -> &'static str {
    "ok\n"
}

/// The process can do its work; else 503 with the name of what is missing.
pub(crate) async fn readiness(State(shared): State<Arc<HttpState>>) -> Response {
    if shared.parts.draining.is_cancelled() {
        return not_ready("draining (the server was told to stop)");
    }
    match (shared.parts.readiness)().await {
        Ok(()) if shared.parts.authenticator.ready().await => {
            report(&shared.parts.authenticator.status()).into_response()
        }
        Ok(()) => not_ready("key set"),
        Err(missing) => not_ready(&missing),
    }
}

fn report(status: &IdentityHealth) -> String {
    let mut report = "ready\n".to_owned();
    if let Some(keys) = &status.keys {
        let age = keys.age.map_or(String::new(), |age| format!(", {} s old", age.as_secs()));
        let stored = if keys.is_stored { ", stored: its source does not answer" } else { "" };
        let algorithms = keys.algorithms.join(", ");
        report += &format!("key set: {} ({algorithms}){age}{stored}\n", keys.keys);
    }
    if status.sessions_paused {
        report +=
            "auth server: fails again and again, and is not asked about sessions for a moment\n";
    }
    report
}

fn not_ready(missing: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {missing}\n")).into_response()
}
