//! Metrics of the server.

use reqwest::Method;

use crate::cli::commands::Process;
use crate::support::app::{App, Backend};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;

async fn metrics(app: &App) -> String {
    let answer = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    answer.text().await.unwrap()
}

#[track_caller]
fn assert_counts(metrics: &str, line: &str) {
    assert!(metrics.lines().any(|it| it == line), "no line `{line}` in:\n{metrics}");
}

#[tokio::test]
async fn decisions_and_cache_lookups_are_counted() {
    let app = App::start(Backend::Sqlite).await;
    let token = Issuer::shared().token(&alice().claims());
    for _ in 0..3 {
        app.by_bearer(&token).data("{ viewer { id } }").await;
    }
    app.anonymous().data("{ viewer { id } }").await;
    app.by_bearer("not-a-session").ask("{ viewer { id } }").await;
    let metrics = metrics(&app).await;
    for line in [
        "hallpass_authentications_total{outcome=\"accepted\"} 3",
        "hallpass_authentications_total{outcome=\"anonymous\"} 1",
        "hallpass_authentications_total{outcome=\"rejected\"} 1",
        "hallpass_auth_cache_lookups_total{cache=\"tokens\",result=\"miss\"} 1",
        "hallpass_auth_cache_lookups_total{cache=\"tokens\",result=\"hit\"} 2",
        "hallpass_auth_cache_lookups_total{cache=\"sessions\",result=\"miss\"} 1",
        "hallpass_auth_server_requests_total{purpose=\"keys\",outcome=\"answered\"} 1",
        "hallpass_auth_server_requests_total{purpose=\"sessions\",outcome=\"answered\"} 1",
        "http_requests_total{status=\"200\"} 4",
        "http_requests_total{status=\"401\"} 1",
        "hallpass_revocation_bound_seconds 30.0",
        "hallpass_auth_circuit_open 0.0",
        "hallpass_jwks_keys 4.0",
    ] {
        assert_counts(&metrics, line);
    }
    assert!(metrics.contains("hallpass_token_cache_entries "));
    assert!(metrics.contains("hallpass_session_cache_bytes "));
    assert!(metrics.contains("hallpass_jwks_age_seconds "));
}

#[tokio::test]
async fn labels_have_no_caller_or_credential() {
    let app = App::start(Backend::Sqlite).await;
    let token = Issuer::shared().token(&bob().claims());
    app.by_bearer(&token).data("{ me { id } }").await;
    app.by_bearer("opaque-token-of-some-user").ask("{ me { id } }").await;
    let metrics = metrics(&app).await;
    let (header, rest) = token.split_once('.').unwrap();
    for secret in [header, rest, "opaque-token-of-some-user", bob().id(), "bob@example.test"] {
        assert!(!metrics.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn metrics_addr_serves_metrics_separately() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Process::start(&[("METRICS_ADDR", &free.to_string())]);
    let get = |url: String| async { crate::support::app::client().get(url).send().await.unwrap() };
    let there = get(format!("http://{free}/metrics")).await;
    assert!(there.text().await.unwrap().contains("hallpass_auth"));
    assert_eq!(get(format!("{}/metrics", server.url)).await.status(), 404);
    assert_eq!(get(format!("http://{free}/graphql")).await.status(), 404);
}
