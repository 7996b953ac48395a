//! Routes of an application, beside those of the server.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::{get, post};
use hallpass::Application;
use hallpass::application::Routes;
use hallpass::http::{CallerScope, RouteError};
use hallpass::identity::{Caller, Named, RequireRole};
use hallpass::testing::{App, Client, user};
use reqwest::Method;
use reqwest::header::{HeaderMap, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::{builder, with_auth_server};
use crate::support::auth_server::AuthServer;

struct Admin;

impl Named for Admin {
    const NAME: &'static str = "admin";
}

async fn me(caller: Caller) -> String {
    caller.id().as_str().to_owned()
}

async fn greeting(caller: Option<Caller>) -> String {
    caller.map_or_else(|| "guest".to_owned(), |caller| caller.id().as_str().to_owned())
}

async fn owner(CallerScope(scope): CallerScope) -> Result<String, RouteError> {
    Ok(scope.owner().map_or_else(|| "none".to_owned(), |owner| owner.as_str().to_owned()))
}

fn application() -> Arc<Application> {
    let routes = Routes::new()
        .route("/me", get(me).post(me).delete(me))
        .route("/greeting", get(greeting))
        .route("/owner", get(owner))
        .route("/admin", get(|admin: RequireRole<Admin>| async move { me(admin.caller).await }))
        .route("/slow", get(std::future::pending::<()>))
        .route("/panics", get(|| async { unreachable_handler() }))
        .route("/length", post(|body: String| async move { body.len().to_string() }));
    builder().routes(routes).build()
}

#[expect(clippy::panic, reason = "the test is about a handler that panics")]
fn unreachable_handler() -> String {
    panic!("a bug of the application")
}

struct Response {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

async fn send(client: &Client<'_>, method: Method, path: &str) -> Response {
    let response = client.request(method, path).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Response { status, headers, text: response.text().await.unwrap() }
}

async fn read(client: &Client<'_>, path: &str) -> Response {
    send(client, Method::GET, path).await
}

#[tokio::test]
async fn route_has_the_caller_of_a_token() {
    let app = App::start(&application()).await;
    let alice = app.by_jwt(&user("alice"));
    for path in ["/me", "/greeting", "/owner"] {
        let response = read(&alice, path).await;
        assert_eq!((response.status, response.text.as_str()), (200, "user-alice"), "{path}");
        assert!(response.headers.contains_key("x-request-id"), "{path}");
        assert_eq!(response.headers["x-content-type-options"], "nosniff");
    }
    assert_eq!(read(&alice, "/admin").await.status, 403);
    assert_eq!(read(&app.by_jwt(&user("ann").role("admin")), "/admin").await.text, "user-ann");
}

#[tokio::test]
async fn anonymous_request_reaches_optional_callers() {
    let app = App::start(&application()).await;
    assert_eq!(read(&app.anonymous(), "/greeting").await.text, "guest");
    assert_eq!(read(&app.anonymous(), "/owner").await.text, "none");
    let rejected = read(&app.anonymous(), "/me").await;
    assert_eq!(rejected.status, 401);
    assert_eq!(rejected.json()["code"], "UNAUTHENTICATED");
    assert_eq!(rejected.headers[WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn forged_token_does_not_reach_a_route() {
    let app = App::start(&application()).await;
    let token = app.token(&user("alice"));
    let forged = format!("{}x", &token[..token.len() - 6]);
    for path in ["/me", "/greeting", "/owner"] {
        let rejected = read(&app.by_bearer(&forged), path).await;
        assert_eq!(rejected.status, 401, "{path}");
        assert_eq!(rejected.json()["code"], "UNAUTHENTICATED");
        assert!(rejected.headers[WWW_AUTHENTICATE].to_str().unwrap().contains("invalid_token"));
    }
}

#[tokio::test]
async fn limited_oauth_client_has_no_scope_of_rows() {
    let app = App::start(&application()).await;
    let limited = user("alice").with("client_id", "app").with("scope", "openid tasks:read");
    let limited = app.by_jwt(&limited);
    assert_eq!(read(&limited, "/me").await.text, "user-alice");
    let rejected = read(&limited, "/owner").await;
    assert_eq!((rejected.status, &rejected.json()["code"]), (403, &json!("FORBIDDEN")));
}

#[tokio::test]
async fn cookie_of_another_site_does_not_reach_a_route() {
    let server = AuthServer::shared();
    let app = with_auth_server(&application(), &server.url, &[]).await;
    let account = server.sign_up("Routes", json!({})).await;
    let browser = app.by_cookie(&account.cookie);
    let preflighted = browser.clone().with_header("graphql-require-preflight", "1");
    assert_eq!(read(&preflighted, "/me").await.text, account.id);
    assert_eq!(send(&browser, Method::POST, "/me").await.text, account.id);
    for (client, method) in [
        (browser.clone(), Method::GET),
        (browser.clone(), Method::DELETE),
        (browser.with_header(ORIGIN.as_str(), "https://evil.example"), Method::POST),
    ] {
        let rejected = send(&client, method.clone(), "/me").await;
        assert_eq!(rejected.status, 403, "{method}");
        assert_eq!(rejected.json()["code"], "FORBIDDEN");
    }
}

#[tokio::test]
async fn auth_server_outage_is_503_on_a_route() {
    // Nothing listens on the discard port.
    let app = with_auth_server(&application(), "http://127.0.0.1:9", &[]).await;
    let rejected = read(&app.by_bearer("a-session-token-of-32-characters"), "/me").await;
    assert_eq!((rejected.status, &rejected.json()["code"]), (503, &json!("AUTH_UNAVAILABLE")));
    assert!(rejected.headers.contains_key(RETRY_AFTER));
    assert_eq!(read(&app.anonymous(), "/greeting").await.text, "guest");
}

#[tokio::test]
async fn route_has_the_limits_of_graphql() {
    let app =
        App::with(&application(), &["--request-timeout", "200ms", "--max-body", "1KiB"]).await;
    let slow = read(&app.anonymous(), "/slow").await;
    assert_eq!((slow.status, &slow.json()["code"]), (503, &json!("TIMEOUT")));
    let send = async |length: usize| {
        let request = app.anonymous().request(Method::POST, "/length").body("x".repeat(length));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((send(1024).await, send(1025).await), (200, 413));
    assert_eq!(read(&app.anonymous(), "/panics").await.status, 500);
    assert_eq!(read(&app.anonymous(), "/greeting").await.text, "guest");
}

#[tokio::test]
async fn route_counts_against_concurrent_requests() {
    let app =
        App::with(&application(), &["--request-timeout", "20s", "--max-concurrent", "1"]).await;
    let alice = app.by_jwt(&user("alice"));
    let rejected = async {
        // A queued request is rejected after two seconds; one before the slow request has arrived is answered.
        while read(&alice, "/me").await.status != 429 {}
    };
    tokio::select! {
        response = read(&alice, "/slow") => panic!("the slow request ended: {}", response.status),
        () = rejected => {}
        () = tokio::time::sleep(Duration::from_secs(15)) => panic!("no request was rejected"),
    }
}
