//! What real auth servers answer about sessions: late, broken off, in shapes of their own, and about
//! people who act as others.

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use serde_json::json;

use crate::app::{App, Backend};
use crate::auth_server::{AuthServer, GET_SESSION};
use crate::identity::assert_refused;
use crate::issuer::serve;

const WHO: &str = "{ viewer { id } }";
const UNCACHED: [&str; 2] = ["--session-cache-ttl", "0s"];

#[tokio::test]
async fn a_connection_that_breaks_is_tried_once_more() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Drop", json!({})).await;
    for who in [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)] {
        for is_first in [true, false] {
            server.set_mode("drop-once").await;
            let before = server.asked(GET_SESSION).await;
            who.data("{ me { id } }").await;
            let asked = server.asked(GET_SESSION).await - before;
            assert_eq!(asked, 2, "on a fresh connection: {is_first}");
        }
    }
}

#[tokio::test]
async fn when_to_ask_again_is_passed_on_within_bounds() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Retry", json!({})).await;
    for (said, passed_on) in [(17, 17), (0, 1), (86_400, 60)] {
        server.operate("mode", json!({"mode": "rate-limited", "retryAfter": said})).await;
        let answer = app.by_cookie(&account.cookie).ask(WHO).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
        assert_eq!(answer.headers["retry-after"], passed_on.to_string().as_str(), "{said}");
    }
}

#[tokio::test]
async fn an_auth_server_that_takes_its_time_is_waited_for_and_one_that_takes_too_long_is_not() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Slow", json!({})).await;
    server.operate("mode", json!({"mode": "slow", "milliseconds": 700})).await;
    let began = Instant::now();
    app.by_cookie(&account.cookie).data("{ me { id } }").await;
    assert!(began.elapsed() >= Duration::from_millis(700), "the server is as meant");
    server.operate("mode", json!({"mode": "slow", "milliseconds": 60_000})).await;
    let began = Instant::now();
    let answer = app.by_cookie(&account.cookie).ask(WHO).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn whoever_acts_as_somebody_else_is_seen_to() {
    let server = AuthServer::start(&json!({"cookieCache": {"strategy": "jwe"}}));
    let admin = server.sign_up("Admin", json!({})).await;
    let other = server.sign_up("Other", json!({})).await;
    let cookie = server.impersonate(&admin, &other).await;
    let secret = crate::auth_server::SECRET;
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
    let answer = server.app(&trusting).await.by_cookie(&renamed).ask(WHO).await;
    assert_refused(&answer, "what the administrator returns by is no session, though it is signed");
}

#[tokio::test]
async fn whoever_acts_as_somebody_else_is_seen_to_in_a_jwt_that_tells() {
    let server = AuthServer::start(&json!({"jwtTellsImpersonator": true}));
    let admin = server.sign_up("Admin", json!({})).await;
    let mut other = server.sign_up("Other", json!({})).await;
    let change = "mutation { updateLearnerProfile(input: {}) { id } }";
    let app = server.app(&UNCACHED).await;
    app.by_bearer(&server.jwt(&other).await).data(change).await;
    other.cookie = server.impersonate(&admin, &other).await;
    let acting = app.by_bearer(&server.jwt(&other).await);
    let me = acting.data("{ me { id impersonatedBy } }").await;
    assert_eq!(me["me"], json!({"id": other.id, "impersonatedBy": admin.id}));
    let refused = acting.ask(change).await;
    assert_eq!(refused.error()["extensions"]["missing"], json!(["NOT_IMPERSONATED"]));
}

#[tokio::test]
async fn the_organization_that_somebody_acts_for_is_theirs_in_this_session() {
    let server = AuthServer::start(&json!({"organization": true}));
    let account = server.sign_up("Member", json!({})).await;
    let organization = server.operate("organization", json!({"email": account.email})).await;
    let app = server.app(&UNCACHED).await;
    let asked = "{ me { id organizationId } }";
    let me = app.by_cookie(&account.cookie).data(asked).await["me"].clone();
    assert_eq!(me, json!({"id": account.id, "organizationId": null}));
    let wanted = json!({"organizationId": organization["id"]});
    server.post_as(&account, "/api/auth/organization/set-active", &wanted).await;
    for who in [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)] {
        let me = who.data(asked).await["me"].clone();
        assert_eq!(me, json!({"id": account.id, "organizationId": organization["id"]}));
    }
}

#[tokio::test]
async fn an_auth_server_that_adds_to_its_sessions_is_understood() {
    let server = AuthServer::start(&json!({"customSession": true}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Custom", json!({})).await;
    for who in [app.by_cookie(&account.cookie), app.by_bearer(&account.session_token)] {
        let me = who.data("{ me { id email roles } }").await["me"].clone();
        let email = account.email.to_lowercase();
        assert_eq!(me, json!({"id": account.id, "email": email, "roles": ["user"]}));
    }
    server.sign_out(&account).await;
    assert_refused(&app.by_cookie(&account.cookie).ask(WHO).await, "signed out");
}

#[tokio::test]
async fn a_sign_out_counts_within_the_time_that_a_session_is_believed() {
    let server = AuthServer::shared();
    let app = server.app(&["--session-cache-ttl", "2s"]).await;
    let account = server.sign_up("Bound", json!({})).await;
    let who = app.by_cookie(&account.cookie);
    who.data("{ me { id } }").await;
    server.sign_out(&account).await;
    let began = Instant::now();
    let mut looking = tokio::time::interval(Duration::from_millis(50));
    while who.ask(WHO).await.status == 200 {
        assert!(began.elapsed() < Duration::from_secs(3), "believed for longer than that");
        looking.tick().await;
    }
    assert_refused(&who.ask(WHO).await, "signed out");
}

#[tokio::test]
async fn a_session_that_has_expired_and_one_whose_user_is_gone_are_refused() {
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
            assert_refused(&who.ask(WHO).await, &account.email);
        }
    }
}

#[tokio::test]
async fn a_rate_limit_of_the_auth_servers_is_no_refusal() {
    let server = AuthServer::start(&json!({"rateLimit": true}));
    let app = server.app(&UNCACHED).await;
    let account = server.sign_up("Limit", json!({})).await;
    let who = app.by_bearer(&account.session_token);
    let mut answer = who.ask(WHO).await;
    for _ in 0..110 {
        if answer.status != 200 {
            break;
        }
        answer = who.ask(WHO).await;
    }
    assert_eq!(answer.status, 503, "{}", answer.body);
    let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn an_answer_in_which_a_member_stands_twice_is_no_answer() {
    let live = r#"{"session":{"id":"s","userId":"u","expiresAt":"2999-01-01T00:00:00Z"},"user":{"id":"u"}}"#;
    let asking = |answer: String| async {
        let answer = get(move || std::future::ready(answer));
        let url = serve(Router::new().route("/api/auth/get-session", answer));
        let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
        app.by_bearer("somebody").ask("{ viewer { id } }").await.status
    };
    assert_eq!(asking(live.to_owned()).await, 200);
    for (once, twice) in [
        (r#""userId":"u""#, r#""userId":"x","userId":"u""#),
        (r#"{"id":"u"}"#, r#"{"id":"x","id":"u"}"#),
        (r#""user":"#, r#""user":{"id":"x"},"user":"#),
    ] {
        assert_eq!(asking(live.replace(once, twice)).await, 503, "{twice}");
    }
}
