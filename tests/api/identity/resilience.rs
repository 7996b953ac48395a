//! An auth server that is slow, down or rate-limiting.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::commands::Process;
use crate::http::observability::metric;
use crate::support::app::{App, Backend, client};
use crate::support::issuer::serve;

/// A `get-session` that fails, or responds when the test allows it.
#[derive(Clone, Default)]
struct FaultMode {
    requests: Arc<AtomicUsize>,
    is_healthy: Arc<AtomicBool>,
    gate: Arc<tokio::sync::RwLock<()>>,
    last_address: Arc<Mutex<String>>,
}

async fn get_session(
    State(fault): State<FaultMode>,
    headers: axum::http::HeaderMap,
) -> (StatusCode, &'static str) {
    fault.requests.fetch_add(1, Ordering::SeqCst);
    let address = headers.get("x-forwarded-for").map(|it| it.to_str().unwrap().to_owned());
    *fault.last_address.lock().unwrap() = address.unwrap_or_default();
    drop(fault.gate.read().await);
    if fault.is_healthy.load(Ordering::SeqCst) {
        (StatusCode::OK, "null")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "")
    }
}

async fn with_fault(flags: &[&str]) -> (FaultMode, App) {
    let fault = FaultMode::default();
    let router = Router::new().route("/api/auth/get-session", get(get_session));
    let url = serve(router.with_state(fault.clone()));
    let flags = [&["--better-auth-url", url.as_str()], flags].concat();
    (fault, App::configured(Backend::Sqlite, &flags).await)
}

async fn status(app: &App, token: usize) -> (StatusCode, Duration) {
    let began = Instant::now();
    let answer = app.by_bearer(&format!("session{token}")).ask("{ viewer { id } }").await;
    (answer.status, began.elapsed())
}

#[tokio::test]
async fn circuit_opens_after_repeated_failures() {
    let (fault, app) = with_fault(&[]).await;
    for token in 0..150 {
        assert_eq!(status(&app, token).await.0, 503);
    }
    let requests = fault.requests.load(Ordering::SeqCst);
    assert!((50..70).contains(&requests), "{requests} requests");
    let ready = app.anonymous().request(Method::GET, "/ready").send().await.unwrap();
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("\nhallpass_auth_circuit_open 1.0\n"), "metrics report it");
    let not_sent = "hallpass_auth_server_requests_total{purpose=\"sessions\",outcome=\"not_sent\"}";
    assert_ne!(metric(&app.url, not_sent).await, "0");
    assert_ne!(ready.status(), 500);
    fault.is_healthy.store(true, Ordering::SeqCst);
    let began = Instant::now();
    while status(&app, 1000).await.0 != 401 {
        assert!(began.elapsed() < Duration::from_secs(10), "the recovery is not noticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status(&app, 1001).await.0, 401);
}

#[tokio::test]
async fn circuit_opens_when_the_auth_server_hangs() {
    let (fault, app) = with_fault(&["--auth-timeout", "1s"]).await;
    let stuck = fault.gate.clone().write_owned().await;
    let hanging = join_all((0..10).map(|token| status(&app, token))).await;
    assert!(hanging.iter().all(|(status, _)| *status == 503));
    let (status, took) = status(&app, 10).await;
    assert_eq!(status, 503);
    assert!(took < Duration::from_millis(500), "it fails at once: {took:?}");
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("\nhallpass_auth_circuit_open 1.0\n"), "metrics report it");
    drop(stuck);
}

#[tokio::test]
async fn circuit_stays_closed_below_threshold() {
    let (fault, app) = with_fault(&[]).await;
    for token in 0..40 {
        assert_eq!(status(&app, token).await.0, 503);
    }
    fault.is_healthy.store(true, Ordering::SeqCst);
    assert_eq!(status(&app, 100).await.0, 401, "requests continue at once");
    assert_eq!(fault.requests.load(Ordering::SeqCst), 41);
}

#[tokio::test]
async fn bulkhead_limits_concurrency_and_wait() {
    let (fault, app) = with_fault(&["--auth-timeout", "2s"]).await;
    let stuck = fault.gate.clone().write_owned().await;
    let requests = join_all((0..100).map(|token| status(&app, token)));
    let more = async {
        while fault.requests.load(Ordering::SeqCst) <= 16 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let within_the_deadline = tokio::time::timeout(Duration::from_millis(1500), more);
    let (requests, more) = tokio::join!(requests, within_the_deadline);
    assert!(more.is_err(), "more than 16 concurrent requests for one address");
    for (status, took) in requests {
        assert_eq!(status, 503);
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
    drop(stuck);
}

#[tokio::test]
async fn forwarded_for_has_one_client_address() {
    let (fault, app) = with_fault(&["--trusted-proxies", "127.0.0.0/8"]).await;
    let who = app.by_bearer("some-user").with_header("x-forwarded-for", "6.6.6.6, 2001:db8::7");
    who.ask("{ viewer { id } }").await;
    assert_eq!(*fault.last_address.lock().unwrap(), "2001:db8::7");
}

#[tokio::test]
async fn slow_endpoints_do_not_add_up() {
    let answer = |wait: u64, body: &'static str| {
        get(move || async move {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            body
        })
    };
    let introspection = axum::routing::post(std::future::pending::<&'static str>);
    let router = Router::new()
        .route("/api/auth/get-session", answer(1800, "null"))
        .route("/api/auth/oauth2/introspect", introspection);
    let url = serve(router);
    let flags = ["--better-auth-url", &url, "--auth-timeout", "2s"];
    let client = ["--introspection-client-id", "us", "--introspection-client-secret", "secret"];
    let app = App::configured(Backend::Sqlite, &[&flags[..], &client].concat()).await;
    let (status, took) = status(&app, 1).await;
    assert_eq!(status, 503);
    assert!(took < Duration::from_millis(3600), "not 1.8 seconds and then two more: {took:?}");
}

/// A server behind a proxy, whose `get-session` never responds for a session named `stuck…`.
async fn with_hanging_sessions() -> App {
    let get_session = |headers: axum::http::HeaderMap| async move {
        if headers["authorization"].to_str().unwrap().contains("stuck") {
            std::future::pending::<()>().await;
        }
        "null"
    };
    let url = serve(Router::new().route("/api/auth/get-session", get(get_session)));
    let flags = ["--better-auth-url", &url, "--trusted-proxies", "127.0.0.0/8"];
    App::configured(Backend::Sqlite, &flags).await
}

#[tokio::test]
async fn one_client_cannot_exhaust_the_bulkhead() {
    let app = with_hanging_sessions().await;
    let ask = |address: &'static str, token: String| {
        let who = app.by_bearer(&token).with_header("x-forwarded-for", address);
        async move { who.ask("{ viewer { id } }").await.status }
    };
    let flooding = join_all((0..200).map(|number| ask("203.0.113.7", format!("stuck{number}"))));
    let others = async {
        for number in 0..40 {
            assert_eq!(ask("198.51.100.9", format!("other{number}")).await, 401);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (flooding, ()) = tokio::join!(flooding, others);
    assert!(flooding.iter().all(|status| *status == 503));
    assert_eq!(ask("198.51.100.9", "after".to_owned()).await, 401, "waiting was no failure");
}

#[tokio::test]
async fn recovered_auth_server_serves_all_requests() {
    let (fault, app) = with_fault(&[]).await;
    for token in 0..60 {
        assert_eq!(status(&app, token).await.0, 503);
    }
    fault.is_healthy.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for (status, _) in join_all((100..150).map(|token| status(&app, token))).await {
        assert_eq!(status, 401, "requests do not wait for the probe");
    }
}

#[tokio::test]
async fn full_queue_for_the_auth_server_is_logged() {
    let slow = get(async || {
        tokio::time::sleep(Duration::from_secs(2)).await;
        "null"
    });
    let url = serve(Router::new().route("/api/auth/get-session", slow));
    let settings = [("BETTER_AUTH_URL", url.as_str()), ("AUTH_TIMEOUT", "4s")];
    let mut server = Process::start(&[&settings[..], &[("LOG_FORMAT", "json")]].concat());
    let endpoint = format!("{}/graphql", server.url);
    let requests = (0..60).map(async |number| {
        let request = client().post(&endpoint).bearer_auth(format!("session{number}"));
        // On a busy machine, a connection whose request is late is closed.
        let response = request.json(&json!({"query": "{ __typename }"})).send().await.ok()?;
        Some(response.status().as_u16())
    });
    let statuses: Vec<_> = join_all(requests).await.into_iter().flatten().collect();
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&401), "it responds within its timeout: {statuses:?}");
    let line = server.wait_for_log("no request was sent to the auth server");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["about"]), (&json!("WARN"), &json!("a session")), "{line}");
    assert_eq!(line["reason"], "too many requests already wait for it", "{line}");
    assert!(line["request_id"].is_string(), "{line}");
}
