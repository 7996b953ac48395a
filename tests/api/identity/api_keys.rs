//! API keys: through the sessions that Better Auth creates for them, and through an endpoint of the
//! application.

use std::sync::OnceLock;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::{Value, json};

use crate::domains::course_editing::{course_with_chapter, read_chapter};
use crate::identity::jwt::assert_rejected;
use crate::identity::oauth::VIEWER;
use crate::identity::service_callers::assert_is_service;
use crate::support::app::{App, Backend, Client, GraphQlResponse};
use crate::support::auth_server::{AuthServer, GET_SESSION};
use crate::support::issuer::serve;

const VERIFY: &str = "POST /api/verify-api-key";

/// A server with keys of users and of organizations. Tests must not change its mode.
fn shared() -> &'static AuthServer {
    static SHARED: OnceLock<AuthServer> = OnceLock::new();
    SHARED.get_or_init(start)
}

fn start() -> AuthServer {
    let keys = json!([{"configId": "default"}, {"configId": "org", "references": "organization"}]);
    AuthServer::start(&json!({"apiKeys": keys, "organization": true}))
}

fn by_key<'a>(app: &'a App, key: &str) -> Client<'a> {
    app.anonymous().with_header("x-api-key", key)
}

/// A server that verifies keys at the application's endpoint.
async fn verifying(server: &AuthServer, flags: &[&str]) -> App {
    let url = format!("{}/api/verify-api-key", server.url);
    server.app(&[&["--api-key-verify-url", &url], flags].concat()).await
}

#[track_caller]
fn assert_unavailable(answer: &GraphQlResponse, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.body);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"], "{what}");
    assert!(answer.headers.contains_key("retry-after"), "{what}");
}

#[tokio::test]
async fn api_key_authenticates_owner_without_secrets() {
    let server = shared();
    let form = json!({"secretNote": "hush-hush", "softwareBackground": "Advanced", "interestArea": "Robotics"});
    let account = server.sign_up("Keys", form).await;
    for (prefix, app) in [("app_", server.app(&[]).await), ("shop-", verifying(server, &[]).await)]
    {
        let key = server.api_key(&account, json!({ "prefix": prefix })).await;
        assert!(key.starts_with(prefix), "the key has the intended prefix");
        let who = by_key(&app, &key);
        who.data("mutation { createTask(input: {title: \"By key\"}) { task { id } } }").await;
        let own = app.by_cookie(&account.cookie).data("{ tasks { nodes { title } } }").await;
        assert_eq!(own["tasks"]["nodes"], json!([{"title": "By key"}]));
        let answer = who
            .ask(
                "{ me { id email emailVerified name roles tier permissions organizationId sessionId
                impersonatedBy kind method expiresAt contentLevel } }",
            )
            .await;
        let me = &answer.body["data"]["me"];
        let known = json!({"id": account.id, "email": account.email.to_lowercase(), "kind": "USER",
            "method": "API_KEY", "contentLevel": "advanced-robotics", "permissions": []});
        for (name, value) in known.as_object().unwrap() {
            assert_eq!(me[name], *value, "{name}");
        }
        for hidden in ["hush-hush", key.as_str()] {
            assert!(!answer.body.to_string().contains(hidden), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn invalid_api_key_is_rejected() {
    let server = shared();
    let account = server.sign_up("Bad", json!({})).await;
    let disabled = server.api_key(&account, json!({"enabled": false})).await;
    let good = server.api_key(&account, json!({})).await;
    for app in [server.app(&[]).await, verifying(server, &[]).await] {
        by_key(&app, &good).data(VIEWER).await;
        let last = if good.ends_with('a') { "b" } else { "a" };
        let altered = format!("{}{last}", &good[..good.len() - 1]);
        for (what, key) in [
            ("disabled", disabled.as_str()),
            ("unknown", &"a".repeat(64)),
            ("too short", "short"),
            ("altered", &altered),
            ("cut", &good[..63]),
            ("with more", &format!("{good}a")),
            ("in the other case", &good.to_uppercase()),
            ("a session's", &account.session_token),
            ("with a space", "a b"),
            ("too long", &"a".repeat(16 * 1024 + 1)),
        ] {
            assert_rejected(&by_key(&app, key).ask(VIEWER).await, what);
        }
        assert_rejected(&app.by_bearer(&good).ask(VIEWER).await, "a key is not a bearer token");
        let cookie = format!("better-auth.session_token={good}");
        assert_rejected(&app.by_cookie(&cookie).ask(VIEWER).await, "a key is not a session cookie");
        assert_rejected(
            &by_key(&app, &good).with_header("x-api-key", &good).ask(VIEWER).await,
            "twice",
        );
        let rescued = app.by_cookie(&account.cookie).with_header("x-api-key", &altered);
        assert_rejected(&rescued.ask(VIEWER).await, "a good cookie does not rescue a bad key");
        let rescued = by_key(&app, &good).with_header("authorization", "Bearer nonsense");
        assert_rejected(&rescued.ask(VIEWER).await, "a good key does not rescue a bad token");
    }
}

#[tokio::test]
async fn api_key_takes_precedence_over_cookie() {
    let server = shared();
    let owner = server.sign_up("Owner", json!({})).await;
    let other = server.sign_up("Other", json!({})).await;
    let key = server.api_key(&owner, json!({})).await;
    for app in [server.app(&[]).await, verifying(server, &[]).await] {
        let both = app.by_cookie(&other.cookie).with_header("x-api-key", &key);
        assert_eq!(both.data(VIEWER).await["viewer"]["id"], owner.id.as_str());
    }
}

#[tokio::test]
async fn api_key_of_banned_user_is_rejected() {
    let server = shared();
    for app in [server.app(&[]).await, verifying(server, &[]).await] {
        let owner = server.sign_up("Banned", json!({})).await;
        let key = server.api_key(&owner, json!({})).await;
        server.set_user(&owner, json!({"banned": true, "banExpires": null})).await;
        assert_rejected(&by_key(&app, &key).ask(VIEWER).await, "banned");
        let other = server.api_key(&owner, json!({})).await;
        server
            .set_user(&owner, json!({"banned": true, "banExpires": "2020-01-01T00:00:00Z"}))
            .await;
        by_key(&app, &other).data(VIEWER).await;
    }
}

#[tokio::test]
async fn key_permissions_are_exposed() {
    let server = shared();
    let owner = server.sign_up("Permits", json!({})).await;
    let allowed = json!({"permissions": {"tasks": ["read"], "content": ["write"]}});
    let key = server.api_key(&owner, allowed).await;
    let app = verifying(server, &[]).await.with_courses().await;
    let who = by_key(&app, &key);
    let viewer = who.data(VIEWER).await["viewer"].clone();
    assert_eq!(viewer["permissions"], json!(["content:write", "tasks:read"]));
    who.data("{ chapter(slug: \"feedback-control\") { variants { level } } }").await;
    let by_session = server.app(&[]).await;
    let viewer = by_key(&by_session, &key).data(VIEWER).await["viewer"].clone();
    assert_eq!(viewer["permissions"], json!([]), "get-session does not return them");
}

#[tokio::test]
async fn organization_key_is_a_service_caller() {
    let server = shared();
    let owner = server.sign_up("Org", json!({})).await;
    let organization = server.operate("organization", json!({"email": owner.email})).await;
    let organization = organization["id"].as_str().unwrap();
    let options = json!({"configId": "org", "organizationId": organization,
        "permissions": {"tasks": ["read", "write"]}});
    let key = server.api_key(&owner, options).await;
    let app = verifying(server, &[]).await;
    let permissions = ["tasks:read", "tasks:write"];
    assert_is_service(&by_key(&app, &key), organization, "API_KEY", &permissions).await;
    let by_session = server.app(&[]).await;
    assert_rejected(&by_key(&by_session, &key).ask(VIEWER).await, "no user's");
}

#[tokio::test]
async fn organization_key_with_scope_writes_courses() {
    let server = shared();
    let owner = server.sign_up("Press", json!({})).await;
    let organization = server.operate("organization", json!({"email": owner.email})).await;
    let options = json!({"configId": "org", "organizationId": organization["id"],
        "permissions": {"content": ["write"]}});
    let key = server.api_key(&owner, options).await;
    let app = verifying(server, &[]).await;
    let press = by_key(&app, &key);
    let written = course_with_chapter(&press, "by-machine").await;
    assert_eq!(written, read_chapter(&press, "by-machine").await);
    assert_eq!(read_chapter(&app.anonymous(), "by-machine").await, Value::Null, "a draft");
    // An idempotency key is a row of a user, which a service is not.
    let create =
        "mutation { createCourse(input: {slug: \"keyed\", title: \"t\"}) { course { id } } }";
    let keyed = press.clone().with_header("Idempotency-Key", "k").ask(create).await;
    assert_eq!(keyed.codes(), ["BAD_USER_INPUT"]);
    press.data(create).await;
}

#[tokio::test]
async fn exhausted_api_key_is_rejected() {
    let server = shared();
    let flags = ["--session-cache-ttl", "0s"];
    for app in [server.app(&flags).await, verifying(server, &flags).await] {
        let owner = server.sign_up("Used", json!({})).await;
        let key = server.api_key(&owner, json!({"remaining": 1})).await;
        by_key(&app, &key).data(VIEWER).await;
        for _ in 0..2 {
            assert_rejected(&by_key(&app, &key).ask(VIEWER).await, "its last use was before");
        }
        assert_rejected(&app.by_bearer(&key).ask(VIEWER).await, "a key is not a bearer token");
    }
}

#[tokio::test]
async fn api_key_over_its_limit_is_rate_limited() {
    let limit = json!({"enabled": true, "maxRequests": 1, "timeWindow": 600_000});
    let server = AuthServer::start(&json!({"apiKeys": {"rateLimit": limit}}));
    let account = server.sign_up("Often", json!({})).await;
    let flags = ["--session-cache-ttl", "0s"];
    for app in [server.app(&flags).await, verifying(&server, &flags).await] {
        let key = server.api_key(&account, json!({})).await;
        by_key(&app, &key).data(VIEWER).await;
        let answer = by_key(&app, &key).ask(VIEWER).await;
        assert_eq!(answer.status, 429, "{}", answer.body);
        assert_eq!(answer.codes(), ["RATE_LIMITED"]);
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((590..=600).contains(&wait), "ten minutes: {wait}");
    }
}

#[tokio::test]
async fn keys_without_sessions_need_verify_url() {
    let without = AuthServer::shared();
    let off = AuthServer::start(&json!({"apiKeys": {"enableSessionForAPIKeys": false}}));
    let account = off.sign_up("Off", json!({})).await;
    let key = off.api_key(&account, json!({})).await;
    for server in [without, &off] {
        assert_rejected(
            &by_key(&server.app(&[]).await, &key).ask(VIEWER).await,
            "no session for it",
        );
    }
    let viewer = by_key(&verifying(&off, &[]).await, &key).data(VIEWER).await;
    assert_eq!(viewer["viewer"]["id"], account.id.as_str(), "the endpoint verifies it");
}

#[tokio::test]
async fn auth_server_down_key_is_unavailable() {
    let server = start();
    let account = server.sign_up("Trouble", json!({})).await;
    let key = server.api_key(&account, json!({})).await;
    let flags = ["--session-cache-ttl", "0s", "--auth-timeout", "1s"];
    let app = verifying(&server, &flags).await;
    for mode in ["error500", "hang", "rate-limited", "html", "null-session"] {
        server.set_mode(mode).await;
        assert_unavailable(&by_key(&app, &key).ask(VIEWER).await, mode);
    }
    server.set_mode("normal").await;
    by_key(&app, &key).data(VIEWER).await;
    assert_eq!(server.request_count(GET_SESSION).await, 0, "only the endpoint is called");
    server.set_mode("drop-once").await;
    let before = server.request_count(VERIFY).await;
    assert_unavailable(&by_key(&app, &key).ask(VIEWER).await, "a use is not counted twice");
    assert_eq!(server.request_count(VERIFY).await - before, 1);
    for url in [&format!("{}/api/nothing", server.url), "http://127.0.0.1:9/verify"] {
        let app = server.app(&["--api-key-verify-url", url]).await;
        assert_unavailable(&by_key(&app, &key).ask(VIEWER).await, url);
    }
}

/// The response of a server whose key endpoint returns `verdict` to requests with this server's key.
async fn ask_with_verdict(verdict: &Value) -> GraphQlResponse {
    let verdict = verdict.to_string();
    let answer = move |headers: HeaderMap, body: String| {
        let requests = serde_json::from_str::<Value>(&body).unwrap_or_default();
        let is_us = headers.get("authorization").is_some_and(|it| it == "Bearer machine-key");
        let is_whole = is_us && requests == json!({"key": "shown"});
        std::future::ready(if is_whole { verdict } else { "{}".to_owned() })
    };
    let url = serve(Router::new().route("/verify", post(answer)));
    let url = format!("{url}/verify");
    let flags = ["--api-key-verify-url", &url, "--sso-api-key", "machine-key"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    by_key(&app, "shown").ask(VIEWER).await
}

#[tokio::test]
async fn incomplete_key_response_is_rejected() {
    let good = json!({"valid": true, "key": {"referenceId": "u"}, "user": {"id": "u"}});
    let with = |name: &str, value: Value| {
        let mut verdict = good.clone();
        verdict[name] = value;
        verdict
    };
    for good in [
        good.clone(),
        with("key", json!({"userId": "u", "enabled": true, "expiresAt": "2999-01-01T00:00:00Z"})),
        json!({"valid": true, "key": {"referenceId": "u"}}),
    ] {
        let answer = ask_with_verdict(&good).await;
        assert_eq!(answer.body["data"]["viewer"]["kind"], "USER", "{good}");
    }
    for bad in [
        with("valid", json!(false)),
        with("valid", json!("true")),
        with("valid", json!(1)),
        with("valid", Value::Null),
        with("key", Value::Null),
        with("key", json!([])),
        with("key", json!({})),
        with("key", json!({"referenceId": ""})),
        with("key", json!({"referenceId": 5})),
        with("key", json!({"referenceId": "u", "enabled": false})),
        with("key", json!({"referenceId": "u", "enabled": 0})),
        with("key", json!({"referenceId": "u", "enabled": "false"})),
        with("error", json!({"code": "KEY_DISABLED"})),
        with("key", json!({"referenceId": "u", "expiresAt": "2020-01-01T00:00:00Z"})),
        with("key", json!({"referenceId": "u", "expiresAt": "soon"})),
        with("key", json!({"referenceId": "another"})),
        with("user", json!({"id": "another"})),
        with("user", json!({})),
        with("user", json!("u")),
        with("user", json!({"id": "u", "banned": true})),
        json!({}),
    ] {
        assert_rejected(&ask_with_verdict(&bad).await, &bad.to_string());
    }
    for unclear in [json!(null), json!([]), json!("valid")] {
        assert_unavailable(&ask_with_verdict(&unclear).await, &unclear.to_string());
    }
}
