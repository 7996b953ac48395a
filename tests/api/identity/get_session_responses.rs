//! Responses of real auth servers to session requests: late, interrupted, in custom shapes, and about
//! impersonated users.

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use serde_json::json;

use crate::identity::jwt::assert_rejected;
use crate::support::app::{App, Backend};
use crate::support::auth_server::{AuthServer, GET_SESSION};
use crate::support::issuer::serve;

const VIEWER: &str = "{ viewer { id } }";
const UNCACHED: [&str; 2] = ["--session-cache-ttl", "0s"];

#[tokio::test]
async fn broken_connection_is_retried_once() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Drop", json!({})).await;
    for who in [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)] {
        for is_first in [true, false] {
            server.set_mode("drop-once").await;
            let before = server.request_count(GET_SESSION).await;
            who.data("{ me { id } }").await;
            let query = server.request_count(GET_SESSION).await - before;
            assert_eq!(query, 2, "on a fresh connection: {is_first}");
        }
    }
}

#[tokio::test]
async fn retry_after_is_clamped_and_forwarded() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Retry", json!({})).await;
    for (reported, passed_on) in [(17, 17), (0, 1), (86_400, 60)] {
        server.operate("mode", json!({"mode": "rate-limited", "retryAfter": reported})).await;
        let answer = app.by_cookie(&account.cookie).ask(VIEWER).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
        assert_eq!(answer.headers["retry-after"], passed_on.to_string().as_str(), "{reported}");
    }
}

#[tokio::test]
async fn get_session_timeout() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Slow", json!({})).await;
    server.operate("mode", json!({"mode": "slow", "milliseconds": 700})).await;
    let began = Instant::now();
    app.by_cookie(&account.cookie).data("{ me { id } }").await;
    assert!(began.elapsed() >= Duration::from_millis(700), "the server has the intended settings");
    server.operate("mode", json!({"mode": "slow", "milliseconds": 60_000})).await;
    let began = Instant::now();
    let answer = app.by_cookie(&account.cookie).ask(VIEWER).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn impersonated_session_names_the_admin() {
    let server = AuthServer::start(&json!({"cookieCache": {"strategy": "jwe"}}));
    let admin = server.sign_up("Admin", json!({})).await;
    let other = server.sign_up("Other", json!({})).await;
    let cookie = server.impersonate(&admin, &other).await;
    let secret = crate::support::auth_server::SECRET;
    let trusting = ["--cookie-cache", "trust", "--better-auth-secret", secret];
    for (flags, method) in [(&UNCACHED[..], "SESSION_COOKIE"), (&trusting, "COOKIE_CACHE")] {
        let app = server.app(flags).await;
        let me = app.by_cookie(&cookie).data("{ me { id impersonatedBy method roles } }").await;
        let known = json!({"id": other.id, "impersonatedBy": admin.id, "method": method, "roles": ["user"]});
        assert_eq!(me["me"], known);
        let own = app.by_cookie(&other.cookie).data("{ me { id impersonatedBy } }").await;
        assert_eq!(own["me"], json!({"id": other.id, "impersonatedBy": null}));
    }
    let admins =
        cookie.split("; ").find_map(|pair| pair.strip_prefix("better-auth.admin_session="));
    let renamed = format!("better-auth.session_token={}", admins.unwrap());
    let answer = server.app(&trusting).await.by_cookie(&renamed).ask(VIEWER).await;
    assert_rejected(
        &answer,
        "the administrator's return cookie is not a session, though it is signed",
    );
}

#[tokio::test]
async fn impersonated_jwt_names_the_admin() {
    let server = AuthServer::start(&json!({"jwtStatesImpersonator": true}));
    let admin = server.sign_up("Admin", json!({})).await;
    let mut other = server.sign_up("Other", json!({})).await;
    let change = "mutation { updateLearnerProfile(input: {}) { me { id } } }";
    let app = server.app(&UNCACHED).await;
    app.by_bearer(&server.jwt(&other).await).data(change).await;
    other.cookie = server.impersonate(&admin, &other).await;
    let acting = app.by_bearer(&server.jwt(&other).await);
    let me = acting.data("{ me { id impersonatedBy } }").await;
    assert_eq!(me["me"], json!({"id": other.id, "impersonatedBy": admin.id}));
    let rejected = acting.ask(change).await;
    assert_eq!(rejected.error()["extensions"]["missing"], json!(["NOT_IMPERSONATED"]));
}

#[tokio::test]
async fn active_organization_is_per_session() {
    let server = AuthServer::start(&json!({"organization": true}));
    let account = server.sign_up("Member", json!({})).await;
    let organization = server.operate("organization", json!({"email": account.email})).await;
    let app = server.app(&UNCACHED).await;
    let query = "{ me { id organizationId } }";
    let me = app.by_cookie(&account.cookie).data(query).await["me"].clone();
    assert_eq!(me, json!({"id": account.id, "organizationId": null}));
    let wanted = json!({"organizationId": organization["id"]});
    server.post_as(&account, "/api/auth/organization/set-active", &wanted).await;
    for who in [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)] {
        let me = who.data(query).await["me"].clone();
        assert_eq!(me, json!({"id": account.id, "organizationId": organization["id"]}));
    }
}

#[tokio::test]
async fn custom_session_fields_are_accepted() {
    let server = AuthServer::start(&json!({"customSession": true}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Custom", json!({})).await;
    for who in [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)] {
        let me = who.data("{ me { id email roles } }").await["me"].clone();
        let email = account.email.to_lowercase();
        assert_eq!(me, json!({"id": account.id, "email": email, "roles": ["user"]}));
    }
    server.sign_out(&account).await;
    assert_rejected(&app.by_cookie(&account.cookie).ask(VIEWER).await, "signed out");
}

#[tokio::test]
async fn sign_out_applies_within_the_cache_ttl() {
    let server = AuthServer::shared();
    let app = server.app(&["--session-cache-ttl", "2s"]).await;
    let account = server.sign_up("Bound", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    who.data("{ me { id } }").await;
    server.sign_out(&account).await;
    let began = Instant::now();
    let mut looking = tokio::time::interval(Duration::from_millis(50));
    while who.ask(VIEWER).await.status == 200 {
        assert!(began.elapsed() < Duration::from_secs(3), "accepted for longer than the TTL");
        looking.tick().await;
    }
    assert_rejected(&who.ask(VIEWER).await, "signed out");
}

#[tokio::test]
async fn expired_session_and_deleted_user_are_rejected() {
    let server = AuthServer::shared();
    let app = server.app(&UNCACHED).await;
    let expired = server.sign_up("Expired", json!({})).await;
    let gone = server.sign_up("Gone", json!({})).await;
    for account in [&expired, &gone] {
        app.by_cookie(&account.cookie).data("{ me { id } }").await;
    }
    server.operate("expire-session", json!({"token": expired.session_token})).await;
    server.operate("delete-user", json!({"email": gone.email})).await;
    for account in [&expired, &gone] {
        for who in [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)] {
            assert_rejected(&who.ask(VIEWER).await, &account.email);
        }
    }
}

#[tokio::test]
async fn auth_server_rate_limit_is_unavailable() {
    let server = AuthServer::start(&json!({"rateLimit": true}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Limit", json!({})).await;
    let who = app.by_bearer(&account.session_token);
    let mut answer = who.ask(VIEWER).await;
    for _ in 0..110 {
        if answer.status != 200 {
            break;
        }
        answer = who.ask(VIEWER).await;
    }
    assert_eq!(answer.status, 503, "{}", answer.body);
    let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn duplicate_json_members_are_rejected() {
    let live = r#"{"session":{"id":"s","userId":"u","expiresAt":"2999-01-01T00:00:00Z"},"user":{"id":"u"}}"#;
    let status_of = |answer: String| async {
        let answer = get(move || std::future::ready(answer));
        let url = serve(Router::new().route("/api/auth/get-session", answer));
        let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
        app.by_bearer("some-user").ask("{ viewer { id } }").await.status
    };
    assert_eq!(status_of(live.to_owned()).await, 200);
    for (once, twice) in [
        (r#""userId":"u""#, r#""userId":"x","userId":"u""#),
        (r#"{"id":"u"}"#, r#"{"id":"x","id":"u"}"#),
        (r#""user":"#, r#""user":{"id":"x"},"user":"#),
    ] {
        assert_eq!(status_of(live.replace(once, twice)).await, 503, "{twice}");
    }
}
