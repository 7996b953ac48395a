//! Users who signed up at a real Better Auth server, with the credentials of their browsers.

use serde_json::{Value, json};

use crate::support::app::{App, Backend, Client};
use crate::support::auth_server::{Account, AuthServer};

const CREATE: &str =
    "mutation { createTask(input: {title: \"Buy screws\"}) { task { id version isOwner } } }";
const READ: &str = "{ me { id method contentLevel tier roles email }
    tasks { nodes { title } }
    chapter(slug: \"sense-think-act\") { personalized { level contentLevel because body } } }";

async fn app_at(server: &AuthServer, backend: Backend, flags: &[&str]) -> App {
    let mut all = vec!["--better-auth-url", server.url.as_str()];
    all.extend(flags);
    App::configured(backend, &all).await.with_courses().await
}

fn roboticist() -> Value {
    json!({"softwareBackground": "Advanced", "hardwareBackground": "Beginner", "interestArea": "Robotics"})
}

/// The whole path, for one kind of credential.
async fn assert_reaches_own_rows(who: &Client<'_>, account: &Account, method: &str) {
    let made = who.data(CREATE).await;
    assert_eq!(made["createTask"]["task"]["isOwner"], true);
    let read = who.data(READ).await;
    assert_eq!(read["me"]["id"], account.id.as_str());
    assert_eq!(read["me"]["method"], method);
    assert_eq!(read["me"]["email"], account.email.to_lowercase());
    assert_eq!(read["me"]["contentLevel"], "advanced-robotics");
    assert_eq!(read["tasks"]["nodes"], json!([{ "title": "Buy screws" }]));
    let chapter = &read["chapter"]["personalized"];
    assert_eq!(chapter["level"], "ADVANCED");
    assert!(chapter["body"].as_str().unwrap().len() > 500);
}

async fn every_credential_reaches_own_rows(backend: Backend) {
    let server = AuthServer::shared();
    let app = app_at(server, backend, &[]).await;
    let by_cookie = server.sign_up("Carla", roboticist()).await;
    let by_token = server.sign_up("Tom", roboticist()).await;
    let by_jwt = server.sign_up("Jo", roboticist()).await;
    let jwt = server.jwt(&by_jwt).await;
    let cookie = app.by_cookie(&by_cookie.cookie);
    assert_reaches_own_rows(&cookie, &by_cookie, "SESSION_COOKIE").await;
    let token = app.by_bearer(&by_token.session_token);
    assert_reaches_own_rows(&token, &by_token, "SESSION_TOKEN").await;
    assert_reaches_own_rows(&app.by_bearer(&jwt), &by_jwt, "JWT").await;
}

#[tokio::test]
async fn every_credential_reaches_own_rows_on_sqlite() {
    every_credential_reaches_own_rows(Backend::Sqlite).await;
}

#[tokio::test]
async fn every_credential_reaches_own_rows_on_postgres() {
    every_credential_reaches_own_rows(Backend::Postgres).await;
}

#[tokio::test]
async fn cookie_token_and_jwt_are_one_user() {
    let server = AuthServer::shared();
    let app = app_at(server, Backend::Sqlite, &[]).await;
    let account = server.sign_up("Same", json!({})).await;
    app.by_cookie(&account.cookie).data(CREATE).await;
    let jwt = server.jwt(&account).await;
    for who in [app.by_bearer(&account.session_token), app.by_bearer(&jwt)] {
        let tasks = who.data("{ tasks { nodes { title isOwner } } }").await;
        assert_eq!(tasks["tasks"]["nodes"], json!([{"title": "Buy screws", "isOwner": true}]));
    }
}

#[tokio::test]
async fn every_jwt_plugin_algorithm_is_accepted() {
    for algorithm in ["EdDSA", "ES256", "ES512", "RS256", "PS256"] {
        let server = AuthServer::start(&json!({ "algorithm": algorithm }));
        let app = app_at(&server, Backend::Sqlite, &[]).await;
        let account = server.sign_up("Alg", json!({})).await;
        let me = app.by_bearer(&server.jwt(&account).await).data("{ me { id method } }").await;
        assert_eq!(me["me"], json!({"id": account.id, "method": "JWT"}), "{algorithm}");
    }
}

#[tokio::test]
async fn secure_cookie_with_custom_prefix_is_accepted() {
    let server = AuthServer::start(&json!({"secureCookies": true, "cookiePrefix": "shop"}));
    let app = app_at(&server, Backend::Sqlite, &["--cookie-prefix", "shop"]).await;
    let account = server.sign_up("Sec", json!({})).await;
    assert!(
        account.cookie.contains("__Secure-shop.session_token="),
        "the server has the intended settings"
    );
    let who = app.by_cookie(&format!("theme=dark; {}; lang=en", account.cookie));
    assert_eq!(who.data("{ me { id } }").await["me"]["id"], account.id.as_str());
    let last = server.last_get_session().await;
    let forwarded = last["headers"]["cookie"].as_str().unwrap();
    assert!(forwarded.starts_with("__Secure-shop.session_token="), "nothing else is forwarded");
    assert!(
        !forwarded.contains("theme") && !forwarded.contains("lang"),
        "nothing else is forwarded"
    );
}

#[tokio::test]
async fn get_session_is_uncached_with_client_address() {
    let server = AuthServer::start(&json!({}));
    let flags = ["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"];
    let app = app_at(&server, Backend::Sqlite, &flags).await;
    let account = server.sign_up("Addr", json!({})).await;
    let who = app
        .by_cookie(&account.cookie)
        .with_header("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.1.2.3");
    who.data("{ me { id } }").await;
    let requests = server.last_get_session().await;
    assert_eq!(requests["headers"]["x-forwarded-for"], "203.0.113.7");
    let query = requests["query"].as_str().unwrap();
    assert!(query.contains("disableCookieCache=true") && query.contains("disableRefresh=true"));
}

#[tokio::test]
async fn untrusted_forwarded_for_is_ignored() {
    let server = AuthServer::start(&json!({}));
    let app = app_at(&server, Backend::Sqlite, &[]).await;
    let account = server.sign_up("Spoof", json!({})).await;
    app.by_cookie(&account.cookie)
        .with_header("x-forwarded-for", "203.0.113.7")
        .data("{ me { id } }")
        .await;
    assert_eq!(server.last_get_session().await["headers"]["x-forwarded-for"], "127.0.0.1");
}

#[tokio::test]
async fn session_lookup_is_single_flight() {
    let server = AuthServer::start(&json!({}));
    let app = app_at(&server, Backend::Sqlite, &[]).await;
    let account = server.sign_up("Many", json!({})).await;
    let before = server.count("/api/auth/get-session").await;
    let requests =
        (0..50).map(|_| async { app.by_cookie(&account.cookie).data("{ me { id } }").await });
    for data in futures_util::future::join_all(requests).await {
        assert_eq!(data["me"]["id"], account.id.as_str());
    }
    assert_eq!(server.count("/api/auth/get-session").await - before, 1);
}

#[tokio::test]
async fn uncached_sign_out_applies_at_once() {
    let server = AuthServer::shared();
    let app = app_at(server, Backend::Sqlite, &["--session-cache-ttl", "0s"]).await;
    let account = server.sign_up("Out", json!({})).await;
    for who in [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)] {
        who.data("{ me { id } }").await;
    }
    server.sign_out(&account).await;
    for who in [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)] {
        let answer = who.ask("{ viewer { id } publicTasks { totalCount } }").await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.codes(), ["UNAUTHENTICATED"]);
        assert!(answer.body.get("data").is_none(), "nothing ran");
    }
}

#[tokio::test]
async fn role_tier_and_ban_changes_apply() {
    let server = AuthServer::shared();
    let app = app_at(server, Backend::Sqlite, &["--session-cache-ttl", "0s"]).await;
    let account = server.sign_up("Op", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    let premium =
        "{ chapter(slug: \"feedback-control\") { personalized { level } variants { level } } }";
    assert_eq!(who.ask(premium).await.codes(), ["GRAPHQL_VALIDATION_FAILED"], "no editor");
    let text = "{ chapter(slug: \"feedback-control\") { personalized { level } } }";
    assert_eq!(who.ask(text).await.codes(), ["FORBIDDEN"], "no premium");
    server.set_user(&account, json!({"tier": "premium", "role": "user,editor"})).await;
    let read = who.data(premium).await;
    assert_eq!(read["chapter"]["personalized"]["level"], "BEGINNER");
    assert!(read["chapter"]["variants"].as_array().unwrap().len() > 2);
    server.set_user(&account, json!({"banned": true, "banExpires": "2020-01-01T00:00:00Z"})).await;
    who.data("{ me { id } }").await;
    server.set_user(&account, json!({"banned": true, "banExpires": null})).await;
    assert_eq!(who.ask("{ viewer { id } }").await.status, 401);
}

#[tokio::test]
async fn auth_server_down_session_is_unavailable() {
    let server = AuthServer::start(&json!({}));
    let flags = ["--session-cache-ttl", "0s", "--auth-timeout", "1s"];
    let app = app_at(&server, Backend::Sqlite, &flags).await;
    let account = server.sign_up("Down", json!({})).await;
    let jwt = server.jwt(&account).await;
    app.by_bearer(&jwt).data("{ me { id } }").await;
    for mode in ["error500", "hang", "rate-limited", "html"] {
        server.set_mode(mode).await;
        let answer = app.by_cookie(&account.cookie).ask("{ viewer { id } }").await;
        assert_eq!(answer.status, 503, "{mode}");
        assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"], "{mode}");
        assert!(answer.headers.contains_key("retry-after"), "{mode}");
        app.by_bearer(&jwt).data("{ me { id } }").await;
    }
    server.set_mode("null-session").await;
    assert_eq!(app.by_cookie(&account.cookie).ask("{ viewer { id } }").await.status, 401);
    server.set_mode("normal").await;
    app.by_cookie(&account.cookie).data("{ me { id } }").await;
}

#[tokio::test]
async fn outage_is_not_cached() {
    let server = AuthServer::start(&json!({}));
    let app = app_at(&server, Backend::Sqlite, &["--session-cache-ttl", "5m"]).await;
    let (known, unknown) =
        (server.sign_up("Known", json!({})).await, server.sign_up("Unknown", json!({})).await);
    app.by_cookie(&known.cookie).data("{ me { id } }").await;
    server.set_mode("error500").await;
    app.by_cookie(&known.cookie).data("{ me { id } }").await;
    assert_eq!(app.by_cookie(&unknown.cookie).ask("{ viewer { id } }").await.status, 503);
    server.set_mode("normal").await;
    app.by_cookie(&unknown.cookie).data("{ me { id } }").await;
}

#[tokio::test]
async fn cross_site_cookie_is_rejected() {
    let server = AuthServer::shared();
    let flags = ["--allowed-origins", "https://app.example.com"];
    let app = app_at(server, Backend::Sqlite, &flags).await;
    let account = server.sign_up("Csrf", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    for (header, value) in [
        ("origin", "https://evil.example"),
        ("origin", "https://app.example.com.evil.example"),
        ("origin", "http://app.example.com"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let rejected = who.clone().with_header(header, value).ask(CREATE).await;
        assert_eq!(rejected.status, 403, "{header}: {value}");
        assert_eq!(rejected.codes(), ["FORBIDDEN"], "{header}: {value}");
    }
    let by_get = |who: Client<'_>| {
        let request = who.request(reqwest::Method::GET, "/graphql?query=%7Bme%7Bid%7D%7D");
        async { request.send().await.unwrap().status() }
    };
    assert_eq!(by_get(who.clone()).await, 403, "a GET that any page could cause");
    assert_eq!(by_get(who.clone().with_header("graphql-require-preflight", "1")).await, 200);
    let own = app.url.clone();
    for origin in ["https://app.example.com", &own] {
        who.clone().with_header("origin", origin).data("{ me { id } }").await;
    }
    assert_eq!(who.data("{ taskStats { total } }").await["taskStats"]["total"], 0, "nothing ran");
}

#[tokio::test]
async fn invalid_bearer_does_not_fall_back_to_cookie() {
    let server = AuthServer::shared();
    let app = app_at(server, Backend::Sqlite, &[]).await;
    let account = server.sign_up("Mixed", json!({})).await;
    for bad in ["Bearer nonsense", "Bearer a.b.c", "Bearer", "Bearer  "] {
        let who = app.by_cookie(&account.cookie).with_header("authorization", bad);
        let answer = who.ask("{ viewer { id } }").await;
        assert_eq!(answer.status, 401, "{bad}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
    }
    let with_key = app.by_cookie(&account.cookie).with_header("x-api-key", "nonsense");
    assert_eq!(with_key.ask("{ viewer { id } }").await.status, 401);
}
