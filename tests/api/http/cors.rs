//! CORS: which pages of other origins read responses, and which headers they may send.

use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::support::app::{App, Backend};

const ORIGIN: &str = "https://app.example.com";

/// The headers of the response to a preflight request of a page of `origin`.
async fn preflight(app: &App, origin: &str, headers: &str) -> HeaderMap {
    let request = app.anonymous().request(Method::OPTIONS, "/graphql").header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    let request = request.header("access-control-request-headers", headers);
    request.send().await.unwrap().headers().clone()
}

#[tokio::test]
async fn cors_allows_only_configured_origins() {
    let origins = "https://app.example.com,https://*.preview.example.com";
    let app = App::with(Backend::Sqlite, &["--allowed-origins", origins]).await;
    for origin in [ORIGIN, "https://pr-7.preview.example.com"] {
        let granted = preflight(&app, origin, "content-type").await;
        assert_eq!(granted["access-control-allow-origin"], origin);
        assert_eq!(granted["access-control-allow-credentials"], "true");
    }
    for origin in [
        "null",
        "*",
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://sub.app.example.com",
        "https://APP.example.com",
        "https://app.example.com/",
        "https://app-example.com",
        "file://",
        "https://app.example.com@evil.example",
        "https://*.preview.example.com",
        "https://preview.example.com",
        "https://.preview.example.com",
        "https://a.b.preview.example.com",
        "http://pr-7.preview.example.com",
        "https://pr-7.preview.example.com:8443",
        "https://pr-7.preview.example.com.evil.example",
        "https://evil-preview.example.com",
        "https://evil.example#.preview.example.com",
        "https://evil.example/.preview.example.com",
    ] {
        let headers = preflight(&app, origin, "content-type").await;
        assert!(!headers.contains_key("access-control-allow-origin"), "{origin}");
    }
}

#[tokio::test]
async fn cors_allows_only_configured_headers() {
    let requested = "content-type,traceparent";
    for (allowed, granted) in [
        (None, "content-type,traceparent"),
        (Some("Content-Type, X-Api-Key"), "content-type,x-api-key,hallpass-user"),
    ] {
        let limit = allowed.map(|headers| ["--allowed-headers", headers]);
        let flags = ["--allowed-origins", ORIGIN].into_iter().chain(limit.into_iter().flatten());
        let flags: Vec<_> = flags.collect();
        let app = App::with(Backend::Sqlite, &flags).await;
        let headers = preflight(&app, ORIGIN, requested).await;
        assert_eq!(headers["access-control-allow-headers"], granted, "{allowed:?}");
    }
}
