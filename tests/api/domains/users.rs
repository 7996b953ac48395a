//! Users, looked up at the auth server for administrators.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::Uri;
use serde_json::{Value, json};

use crate::support::app::{App, Backend};
use crate::support::auth_server::{Account, AuthServer};
use crate::support::callers::user;
use crate::support::issuer::{Issuer, serve};

const KEY: &str = "the key by which the application knows this server";

async fn administrator(server: &AuthServer) -> Account {
    let account = server.sign_up("Ada", json!({})).await;
    server.set_user(&account, json!({"role": "admin"})).await;
    account
}

fn lookup(id: &str) -> String {
    format!("{{ user(id: {}) {{ authId email name roles tier banned }} }}", Value::from(id))
}

#[tokio::test]
async fn admin_looks_up_a_user() {
    let server = AuthServer::start(&json!({ "ssoApiKey": KEY }));
    let flags = ["--better-auth-url", &server.url, "--sso-api-key", KEY];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let admin = administrator(&server).await;
    let account = server.sign_up("Found", json!({})).await;
    server.set_user(&account, json!({"tier": "premium", "banned": true})).await;
    let who = app.by_cookie(&admin.cookie);
    assert_eq!(
        who.data(&lookup(&account.id)).await["user"],
        json!({"authId": account.id, "email": account.email.to_lowercase(), "name": "Found",
            "roles": ["user"], "tier": "premium", "banned": true})
    );
    for id in ["unknown", "", ".", "..", "../users", "a/b", "x?y=1", &"i".repeat(300)] {
        assert_eq!(who.data(&lookup(id)).await["user"], Value::Null, "{id}");
    }
    let other = app.by_bearer(&server.sign_up("Other", json!({})).await.session_token);
    for who in [other, app.anonymous()] {
        let answer = who.ask(&lookup(&account.id)).await;
        let nonexistent = who.ask(&lookup(&account.id).replace("user(", "usar(")).await;
        assert_eq!(answer.body.to_string().replace("user", "usar"), nonexistent.body.to_string());
        assert_eq!(answer.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
    }
}

#[tokio::test]
async fn lookup_without_key_is_not_configured() {
    let server = AuthServer::shared();
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &server.url]).await;
    let admin = administrator(server).await;
    let answer = app.by_cookie(&admin.cookie).ask(&lookup("any-user")).await;
    assert_eq!(answer.error()["extensions"]["code"], "NOT_CONFIGURED");
    assert!(answer.error()["message"].as_str().unwrap().contains("SSO_API_KEY"));
    assert_eq!(answer.body["data"], json!({ "user": null }));
}

#[tokio::test]
async fn failed_lookup_is_unavailable() {
    let server = AuthServer::start(&json!({ "ssoApiKey": KEY }));
    let flags = ["--better-auth-url", &server.url, "--sso-api-key", "a key that is not the one"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let admin = administrator(&server).await;
    let who = app.by_cookie(&admin.cookie);
    who.data("{ me { id } }").await;
    for mode in ["normal", "error500", "html", "rate-limited"] {
        server.set_mode(mode).await;
        let answer = who.ask(&lookup(&admin.id)).await;
        assert_eq!(answer.status, 503, "{mode}: {}", answer.body);
        assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"], "{mode}");
    }
}

/// An endpoint that always responds with the same user, and records the requests.
fn echo_server(requests: &Arc<Mutex<Vec<String>>>) -> String {
    let requests = Arc::clone(requests);
    serve(Router::new().fallback(move |uri: Uri| {
        let is_lookup = uri.path().starts_with("/api/admin");
        is_lookup.then(|| requests.lock().unwrap().push(uri.path().to_owned()));
        std::future::ready(r#"{"id": "some-user", "email": "some-user@example.test"}"#)
    }))
}

#[tokio::test]
async fn lookup_id_is_escaped_and_must_match() {
    let requests = Arc::default();
    let url = echo_server(&requests);
    let flags = ["--better-auth-url", Issuer::shared().url(), "--sso-api-key", KEY];
    let lookup_url = format!("{url}/api/admin/users/{{id}}");
    let flags = [&flags[..], &["--user-lookup-url", &lookup_url]].concat();
    let app = App::configured(Backend::Sqlite, &flags).await;
    let admin = app.by_jwt(&user("ada").role("admin"));
    for id in ["..", ".", "...", ""] {
        assert_eq!(admin.data(&lookup(id)).await["user"], Value::Null, "{id}");
    }
    assert!(requests.lock().unwrap().is_empty(), "{:?}", requests.lock().unwrap());
    assert_eq!(admin.ask(&lookup("else/../x?y#z")).await.codes(), ["AUTH_UNAVAILABLE"]);
    assert_eq!(*requests.lock().unwrap(), ["/api/admin/users/else%2F%2E%2E%2Fx%3Fy%23z"]);
    assert_eq!(admin.data(&lookup("some-user")).await["user"]["authId"], "some-user");
}
