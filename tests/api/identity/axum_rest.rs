//! `examples/axum-rest`: plain axum handlers behind `hallpass-identity`, with a real Better Auth server.

use std::net::SocketAddr;

use crate::support::app::config;
use hallpass_identity::AuthLayer;
use reqwest::header::{AUTHORIZATION, COOKIE, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::app::client;
use crate::support::auth_server::AuthServer;

/// The example, served with these settings. Returns its origin.
async fn serve(flags: &[&str]) -> String {
    let config = config(flags);
    let auth = AuthLayer::new(&config.identity, &config.allowed_origins).unwrap();
    let app = axum_rest::app(auth).into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    origin
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// The status of each route, in this order, with the header `name: value`.
async fn statuses(origin: &str, name: &str, value: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for route in ["/hello", "/protected/me", "/premium", "/admin"] {
        let request = client().get(format!("{origin}{route}"));
        let request = if name.is_empty() { request } else { request.header(name, value) };
        statuses.push(status(request).await);
    }
    statuses
}

#[tokio::test]
async fn routes_accept_every_credential_of_a_user() {
    let server = AuthServer::start(&json!({"apiKeys": true}));
    let origin = serve(&["--better-auth-url", &server.url]).await;
    let account = server.sign_up("Rest", json!({})).await;
    let (jwt, key) = (server.jwt(&account).await, server.api_key(&account, json!({})).await);
    for (name, value) in [
        ("cookie", account.cookie.clone()),
        ("authorization", format!("Bearer {}", account.session_token)),
        ("authorization", format!("Bearer {jwt}")),
        ("x-api-key", key),
    ] {
        assert_eq!(statuses(&origin, name, &value).await, [200, 200, 403, 403], "{name}");
    }
    let me = client().get(format!("{origin}/protected/me")).header(COOKIE, &account.cookie);
    let me: Value = serde_json::from_str(&me.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(me["id"], account.id.as_str());
    assert_eq!(me["method"], "SESSION_COOKIE");
}

#[tokio::test]
async fn roles_and_tiers_open_their_routes() {
    let server = AuthServer::shared();
    let origin = serve(&["--better-auth-url", &server.url, "--role-inherits", "owner>admin"]).await;
    for (columns, expected) in [
        (json!({"tier": "premium"}), [200, 200, 200, 403]),
        (json!({"tier": "enterprise"}), [200, 200, 200, 403]),
        (json!({"role": "admin"}), [200, 200, 403, 200]),
        (json!({"role": "owner"}), [200, 200, 403, 200]),
    ] {
        let account = server.sign_up("Level", json!({})).await;
        server.set_user(&account, columns.clone()).await;
        let jwt = format!("Bearer {}", server.jwt(&account).await);
        assert_eq!(statuses(&origin, "authorization", &jwt).await, expected, "{columns}");
    }
}

#[tokio::test]
async fn failed_credential_is_never_anonymous() {
    let server = AuthServer::shared();
    let origin = serve(&["--better-auth-url", &server.url]).await;
    assert_eq!(statuses(&origin, "", "").await, [200, 401, 401, 401]);
    assert_eq!(statuses(&origin, "authorization", "Bearer a.b.c").await, [401; 4]);
    assert_eq!(statuses(&origin, "authorization", "Bearer unknown-session").await, [401; 4]);
    let account = server.sign_up("Cross", json!({})).await;
    let hello = client().get(format!("{origin}/hello"));
    let cross_site = hello.header(COOKIE, &account.cookie).header(ORIGIN, "https://evil.example");
    assert_eq!(status(cross_site).await, 403);
    let rejected = client().get(format!("{origin}/hello")).header(AUTHORIZATION, "Bearer a.b.c");
    let rejected = rejected.send().await.unwrap();
    assert_eq!(rejected.headers()[WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"");
    let away = serve(&["--better-auth-url", "http://127.0.0.1:9"]).await;
    let unavailable = client().get(format!("{away}/hello")).header(COOKIE, &account.cookie);
    let unavailable = unavailable.send().await.unwrap();
    assert_eq!(unavailable.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(unavailable.headers().contains_key(RETRY_AFTER));
}

#[tokio::test]
async fn shared_secret_tokens_are_accepted() {
    const SECRET: &str = "a-shared-secret-of-the-example-0123456789";
    let origin = serve(&["--jwt-secret", SECRET]).await;
    let claims = json!({"sub": "alice", "role": "admin", "exp": 4_000_000_000_u64});
    for (secret, expected) in
        [(SECRET, [200, 200, 403, 200]), ("another-secret-0123456789-0123456789", [401; 4])]
    {
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        assert_eq!(statuses(&origin, "authorization", &format!("Bearer {token}")).await, expected);
    }
}
