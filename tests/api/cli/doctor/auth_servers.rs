//! Real auth servers with unusual settings: the doctor reports the difference.

use std::time::{Duration, Instant};

use serde_json::json;

use super::PresentedAs::{ApiKey, Cookie, Nothing, Token};
use super::{AUTH_SECRET, DoctorRun, doctor};
use crate::identity::revocation::{Push, SECRET};
use crate::support::app::App;
use crate::support::auth_server::AuthServer;
use crate::support::issuer::Issuer;

#[tokio::test]
async fn custom_session_without_user_is_reported() {
    let server = AuthServer::start(&json!({"customSession": "other"}));
    let account = server.sign_up("Shape", json!({})).await;
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], Cookie(&account.cookie));
    run.is_rejected_by("known", &["customSession", "`user` and `session`"]);
}

#[tokio::test]
async fn required_bearer_signature_is_reported() {
    let server = AuthServer::start(&json!({"bearerRequireSignature": true}));
    let account = server.sign_up("Bare", json!({})).await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    let run = doctor(&settings, Token(&account.session_token));
    run.is_rejected_by("known", &["requireSignature", "set-auth-token"]);
    doctor(&settings, Token(&account.signed_token())).has_verdict("accepted", &[]);
}

#[tokio::test]
async fn stateless_auth_server_is_reported() {
    let server = AuthServer::start(&json!({"stateless": true}));
    let account = server.sign_up("Stateless", json!({})).await;
    server.operate("forget-sessions", json!({})).await;
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], Cookie(&account.cookie));
    run.is_rejected_by("known", &["stateless", "COOKIE_CACHE=trust", "BETTER_AUTH_SECRET"]);
    let settings = [
        ("BETTER_AUTH_URL", server.url.as_str()),
        ("BETTER_AUTH_SECRET", AUTH_SECRET),
        ("COOKIE_CACHE", "trust"),
    ];
    doctor(&settings, Cookie(&account.cookie)).has_verdict("accepted", &[]);
}

#[tokio::test]
async fn unused_cookie_cache_is_reported() {
    let trust = ("COOKIE_CACHE", "trust");
    let secret = ("BETTER_AUTH_SECRET", AUTH_SECRET);
    for (cache, more, words) in [
        (json!(null), vec![trust, secret], "session.cookieCache.enabled"),
        (json!({}), vec![trust], "set BETTER_AUTH_SECRET"),
    ] {
        let server = AuthServer::start(&json!({"cookieCache": cache}));
        let account = server.sign_up("Cache", json!({})).await;
        let settings: Vec<_> =
            [("BETTER_AUTH_URL", server.url.as_str())].into_iter().chain(more).collect();
        doctor(&settings, Cookie(&account.cookie))
            .has_verdict("accepted", &["COOKIE_CACHE=trust has no effect", words]);
    }
}

#[test]
fn api_key_without_auth_server_has_advice() {
    let key = "x".repeat(64);
    let run = doctor(&[], ApiKey(&key));
    let words = ["set BETTER_AUTH_URL", "enableSessionForAPIKeys", "API_KEY_VERIFY_URL to"];
    run.is_rejected_by("kind", &[&words[..], &["hallpass token --as PERSONA"]].concat());
    let run = doctor(&[("JWT_SECRET", super::SECRET)], ApiKey(&key));
    run.is_rejected_by("kind", &words);
    assert!(!run.report.to_string().contains("--as PERSONA"), "{:#}", run.report["credential"]);
}

#[tokio::test]
async fn api_key_faults_are_reported() {
    let server = AuthServer::start(&json!({"apiKeys": true}));
    let account = server.sign_up("Key", json!({})).await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    let key = server.api_key(&account, json!({})).await;
    doctor(&settings, ApiKey(&key)).has_verdict("accepted", &[&account.id]);
    let disabled = server.api_key(&account, json!({"enabled": false})).await;
    doctor(&settings, ApiKey(&disabled))
        .is_rejected_by("known", &["KEY_DISABLED", "enable this one"]);
    let unknown = "x".repeat(64);
    doctor(&settings, ApiKey(&unknown))
        .is_rejected_by("known", &["INVALID_API_KEY", "create a new key"]);
    doctor(&settings, ApiKey(&server.jwt(&account).await)).has_verdict("rejected", &["Bearer"]);
    doctor(&settings, Token(&key)).has_verdict("rejected", &["x-api-key"]);

    let without = AuthServer::start(&json!({"apiKeys": {"enableSessionForAPIKeys": false}}));
    let account = without.sign_up("Off", json!({})).await;
    let key = without.api_key(&account, json!({})).await;
    let run = doctor(&[("BETTER_AUTH_URL", &without.url)], ApiKey(&key));
    let words = ["enableSessionForAPIKeys", "API_KEY_VERIFY_URL", "API_KEY_HEADER"];
    run.is_rejected_by("known", &words);
}

#[test]
fn dpop_bound_token_is_reported() {
    let issuer = Issuer::shared();
    let claims = json!({"iss": format!("{}/api/auth", issuer.url()), "sub": "s", "client_id": "c",
        "aud": "https://api.example.com", "cnf": {"jkt": "thumbprint"}});
    let claims = issuer.full(&claims).to_string();
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"});
    let token = issuer.ed25519.sign_raw(&header, &claims);
    let settings =
        [("BETTER_AUTH_URL", issuer.url()), ("OAUTH_RESOURCE", "https://api.example.com")];
    doctor(&settings, Token(&token)).is_rejected_by("kind", &["DPoP", "RFC 9449"]);
    let presented = format!("DPoP {token}");
    let run = doctor(&settings, Token(&presented));
    let reported = run.report["credential"].to_string();
    assert!(reported.contains("DPoP is not supported"), "{reported}");
}

/// Runs the doctor until it reports this about the pushes that `app` received.
#[track_caller]
fn wait_for_push_finding(settings: &[(&str, &str)], level: &str, words: &[&str]) -> DoctorRun {
    let began = Instant::now();
    loop {
        let run = doctor(settings, Nothing);
        let finding = run.findings("revocations")[0].clone();
        let reported = format!("{} fix: {}", finding["message"], finding["fix"]);
        if finding["level"] == level && words.iter().all(|word| reported.contains(word)) {
            return run;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{level} {words:?}: {finding:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_revocation_pushes_are_reported() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let issuer = Issuer::shared().url();
    let flags = ["--better-auth-url", issuer, "--revocation-secret", SECRET];
    let app = App::on(&url, files, &flags).await;
    let settings =
        [("BETTER_AUTH_URL", issuer), ("DATABASE_URL", &url), ("REVOCATION_SECRET", SECRET)];
    wait_for_push_finding(&settings, "warning", &["pushed nothing", "revocation-hook.mjs"]);
    assert_eq!(Push::user("u").to(&app).await, 204);
    wait_for_push_finding(&settings, "warning", &["no sign-out", "secondary storage"]);
    assert_eq!(Push::of("session.revoked", json!({"sessionId": "s"})).to(&app).await, 204);
    wait_for_push_finding(&settings, "good", &["pushed 1 session changes"]);
    assert_eq!(Push::user("u").by("another secret of some length").to(&app).await, 401);
    wait_for_push_finding(&settings, "wrong", &["not signed with REVOCATION_SECRET"]);
}
