//! API keys: by the sessions that Better Auth makes for them, and by an endpoint of the application.

use std::sync::OnceLock;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::{Value, json};

use crate::app::{App, Backend, Client, GraphQlResponse};
use crate::auth_server::{AuthServer, GET_SESSION};
use crate::course_editing::{course_with_chapter, seen};
use crate::identity::assert_refused;
use crate::issuer::serve;
use crate::machines::is_a_machine;
use crate::oauth::WHO;

const VERIFY: &str = "POST /api/verify-api-key";

/// A server with keys of users and of organizations. Nobody may break it.
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

/// A server that asks the application's endpoint.
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
async fn a_key_leads_to_its_owners_rows_and_shows_nothing_that_is_kept_secret() {
    let server = shared();
    let form = json!({"secretNote": "hush-hush", "softwareBackground": "Advanced", "interestArea": "Robotics"});
    let account = server.sign_up("Keys", form).await;
    for (prefix, app) in [("app_", server.app(&[]).await), ("shop-", verifying(server, &[]).await)]
    {
        let key = server.api_key(&account, json!({ "prefix": prefix })).await;
        assert!(key.starts_with(prefix), "the key is as meant");
        let who = by_key(&app, &key);
        who.data("mutation { createTask(input: {title: \"By key\"}) { id } }").await;
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
async fn a_key_that_is_not_good_is_refused_either_way() {
    let server = shared();
    let account = server.sign_up("Bad", json!({})).await;
    let disabled = server.api_key(&account, json!({"enabled": false})).await;
    let good = server.api_key(&account, json!({})).await;
    for app in [server.app(&[]).await, verifying(server, &[]).await] {
        by_key(&app, &good).data(WHO).await;
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
            assert_refused(&by_key(&app, key).ask(WHO).await, what);
        }
        assert_refused(&app.by_bearer(&good).ask(WHO).await, "a key is no bearer token");
        let cookie = format!("better-auth.session_token={good}");
        assert_refused(&app.by_cookie(&cookie).ask(WHO).await, "a key is no session cookie");
        assert_refused(
            &by_key(&app, &good).with_header("x-api-key", &good).ask(WHO).await,
            "twice",
        );
        let rescued = app.by_cookie(&account.cookie).with_header("x-api-key", &altered);
        assert_refused(&rescued.ask(WHO).await, "a good cookie does not rescue a bad key");
        let rescued = by_key(&app, &good).with_header("authorization", "Bearer nonsense");
        assert_refused(&rescued.ask(WHO).await, "a good key does not rescue a bad token");
    }
}

#[tokio::test]
async fn of_a_key_and_somebody_elses_cookie_the_key_counts() {
    let server = shared();
    let owner = server.sign_up("Owner", json!({})).await;
    let other = server.sign_up("Other", json!({})).await;
    let key = server.api_key(&owner, json!({})).await;
    for app in [server.app(&[]).await, verifying(server, &[]).await] {
        let both = app.by_cookie(&other.cookie).with_header("x-api-key", &key);
        assert_eq!(both.data(WHO).await["viewer"]["id"], owner.id.as_str());
    }
}

#[tokio::test]
async fn the_key_of_somebody_banned_is_refused_either_way() {
    let server = shared();
    for app in [server.app(&[]).await, verifying(server, &[]).await] {
        let owner = server.sign_up("Banned", json!({})).await;
        let key = server.api_key(&owner, json!({})).await;
        server.set_user(&owner, json!({"banned": true, "banExpires": null})).await;
        assert_refused(&by_key(&app, &key).ask(WHO).await, "banned");
        let other = server.api_key(&owner, json!({})).await;
        server
            .set_user(&owner, json!({"banned": true, "banExpires": "2020-01-01T00:00:00Z"}))
            .await;
        by_key(&app, &other).data(WHO).await;
    }
}

#[tokio::test]
async fn what_a_key_permits_is_seen_where_the_application_says_so() {
    let server = shared();
    let owner = server.sign_up("Permits", json!({})).await;
    let allowed = json!({"permissions": {"tasks": ["read"], "content": ["write"]}});
    let key = server.api_key(&owner, allowed).await;
    let app = verifying(server, &[]).await.with_courses().await;
    let who = by_key(&app, &key);
    let viewer = who.data(WHO).await["viewer"].clone();
    assert_eq!(viewer["permissions"], json!(["content:write", "tasks:read"]));
    who.data("{ chapter(slug: \"feedback-control\") { variants { level } } }").await;
    let by_session = server.app(&[]).await;
    let viewer = by_key(&by_session, &key).data(WHO).await["viewer"].clone();
    assert_eq!(viewer["permissions"], json!([]), "get-session does not say");
}

#[tokio::test]
async fn the_key_of_an_organization_is_a_machines_and_makes_no_session() {
    let server = shared();
    let owner = server.sign_up("Org", json!({})).await;
    let organization = server.operate("organization", json!({"email": owner.email})).await;
    let organization = organization["id"].as_str().unwrap();
    let options = json!({"configId": "org", "organizationId": organization,
        "permissions": {"tasks": ["read", "write"]}});
    let key = server.api_key(&owner, options).await;
    let app = verifying(server, &[]).await;
    let permissions = ["tasks:read", "tasks:write"];
    is_a_machine(&by_key(&app, &key), organization, "API_KEY", &permissions).await;
    let by_session = server.app(&[]).await;
    assert_refused(&by_key(&by_session, &key).ask(WHO).await, "no user's");
}

#[tokio::test]
async fn the_key_of_an_organization_that_may_write_content_writes_courses() {
    let server = shared();
    let owner = server.sign_up("Press", json!({})).await;
    let organization = server.operate("organization", json!({"email": owner.email})).await;
    let options = json!({"configId": "org", "organizationId": organization["id"],
        "permissions": {"content": ["write"]}});
    let key = server.api_key(&owner, options).await;
    let app = verifying(server, &[]).await;
    let press = by_key(&app, &key);
    let written = course_with_chapter(&press, "by-machine").await;
    assert_eq!(written, seen(&press, "by-machine").await);
    assert_eq!(seen(&app.anonymous(), "by-machine").await, Value::Null, "a draft");
}

#[tokio::test]
async fn a_key_that_is_used_up_is_refused_either_way() {
    let server = shared();
    let flags = ["--session-cache-ttl", "0s"];
    for app in [server.app(&flags).await, verifying(server, &flags).await] {
        let owner = server.sign_up("Used", json!({})).await;
        let key = server.api_key(&owner, json!({"remaining": 1})).await;
        by_key(&app, &key).data(WHO).await;
        for _ in 0..2 {
            assert_refused(&by_key(&app, &key).ask(WHO).await, "its last use was before");
        }
        assert_refused(&app.by_bearer(&key).ask(WHO).await, "a key is no bearer token");
    }
}

#[tokio::test]
async fn key_over_its_own_limit_is_rate_limited() {
    let limit = json!({"enabled": true, "maxRequests": 1, "timeWindow": 600_000});
    let server = AuthServer::start(&json!({"apiKeys": {"rateLimit": limit}}));
    let account = server.sign_up("Often", json!({})).await;
    let flags = ["--session-cache-ttl", "0s"];
    for app in [server.app(&flags).await, verifying(&server, &flags).await] {
        let key = server.api_key(&account, json!({})).await;
        by_key(&app, &key).data(WHO).await;
        let answer = by_key(&app, &key).ask(WHO).await;
        assert_eq!(answer.status, 429, "{}", answer.body);
        assert_eq!(answer.codes(), ["RATE_LIMITED"]);
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((590..=600).contains(&wait), "ten minutes: {wait}");
    }
}

#[tokio::test]
async fn where_the_auth_server_makes_no_sessions_for_keys_no_key_counts() {
    let without = AuthServer::shared();
    let off = AuthServer::start(&json!({"apiKeys": {"enableSessionForAPIKeys": false}}));
    let account = off.sign_up("Off", json!({})).await;
    let key = off.api_key(&account, json!({})).await;
    for server in [without, &off] {
        assert_refused(&by_key(&server.app(&[]).await, &key).ask(WHO).await, "no session for it");
    }
    let viewer = by_key(&verifying(&off, &[]).await, &key).data(WHO).await;
    assert_eq!(viewer["viewer"]["id"], account.id.as_str(), "the endpoint knows it all the same");
}

#[tokio::test]
async fn while_nobody_can_tell_of_a_key_it_is_neither_in_nor_out() {
    let server = start();
    let account = server.sign_up("Trouble", json!({})).await;
    let key = server.api_key(&account, json!({})).await;
    let flags = ["--session-cache-ttl", "0s", "--auth-timeout", "1s"];
    let app = verifying(&server, &flags).await;
    for mode in ["error500", "hang", "rate-limited", "html", "null-session"] {
        server.set_mode(mode).await;
        assert_unavailable(&by_key(&app, &key).ask(WHO).await, mode);
    }
    server.set_mode("normal").await;
    by_key(&app, &key).data(WHO).await;
    assert_eq!(server.asked(GET_SESSION).await, 0, "the endpoint alone is asked");
    server.set_mode("drop-once").await;
    let before = server.asked(VERIFY).await;
    assert_unavailable(&by_key(&app, &key).ask(WHO).await, "a use is not counted twice");
    assert_eq!(server.asked(VERIFY).await - before, 1);
    for url in [&format!("{}/api/nothing", server.url), "http://127.0.0.1:9/verify"] {
        let app = server.app(&["--api-key-verify-url", url]).await;
        assert_unavailable(&by_key(&app, &key).ask(WHO).await, url);
    }
}

/// A server whose endpoint for keys says `verdict` to whoever shows the machine key.
async fn told(verdict: &Value) -> GraphQlResponse {
    let verdict = verdict.to_string();
    let answer = move |headers: HeaderMap, body: String| {
        let asked = serde_json::from_str::<Value>(&body).unwrap_or_default();
        let is_us = headers.get("authorization").is_some_and(|it| it == "Bearer machine-key");
        let is_whole = is_us && asked == json!({"key": "shown"});
        std::future::ready(if is_whole { verdict } else { "{}".to_owned() })
    };
    let url = serve(Router::new().route("/verify", post(answer)));
    let url = format!("{url}/verify");
    let flags = ["--api-key-verify-url", &url, "--sso-api-key", "machine-key"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    by_key(&app, "shown").ask(WHO).await
}

#[tokio::test]
async fn a_verdict_that_does_not_say_all_of_it_makes_no_caller() {
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
        let answer = told(&good).await;
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
        assert_refused(&told(&bad).await, &bad.to_string());
    }
    for unclear in [json!(null), json!([]), json!("valid")] {
        assert_unavailable(&told(&unclear).await, &unclear.to_string());
    }
}
