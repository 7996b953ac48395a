//! Liveness (`GET /health`) and readiness (`GET /ready`).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::http::HttpState;
use hallpass_identity::IdentityHealth;

/// Liveness: the process runs. Checks no dependency: an unavailable database is no reason to restart the server.
pub(crate) async fn liveness() -> &'static str {
    "ok\n"
}

/// Readiness: 200, or 503 with the name of what is not ready.
pub(crate) async fn readiness(State(shared): State<Arc<HttpState>>) -> Response {
    if shared.deps.draining.is_cancelled() {
        return not_ready("draining (the server is stopping)");
    }
    match shared.deps.backend.readiness().await {
        Ok(()) if shared.deps.authenticator.ready().await => {
            report(&shared.deps.authenticator.status()).into_response()
        }
        Ok(()) => not_ready("key set"),
        Err(missing) => not_ready(&missing),
    }
}

fn report(status: &IdentityHealth) -> String {
    let mut report = "ready\n".to_owned();
    if let Some(keys) = &status.keys {
        let age = keys.age.map_or(String::new(), |age| format!(", {} s old", age.as_secs()));
        let stored = if keys.is_stored { ", stored copy: JWKS endpoint unavailable" } else { "" };
        let algorithms = keys.algorithms.join(", ");
        report += &format!("key set: {} ({algorithms}){age}{stored}\n", keys.keys);
    }
    if status.sessions_paused {
        report += "auth server: unavailable (circuit breaker open for session validation)\n";
    }
    report
}

fn not_ready(missing: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {missing}\n")).into_response()
}
