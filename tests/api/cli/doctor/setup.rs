//! One wrong setting: the doctor names it.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{DATE, LOCATION};
use axum::routing::get;
use hallpass_data::now;
use serde_json::json;

use super::{AUTH_SECRET, PresentedAs, doctor, run_doctor};
use crate::cli::commands::hallpass_with;
use crate::support::auth_server::AuthServer;
use crate::support::issuer::{Issuer, Key, serve};
use crate::support::postgres;

/// An incomplete Better Auth server: its health check and `get-session`.
pub(super) fn healthy_server() -> Router {
    Router::new()
        .route("/api/auth/ok", get(|| std::future::ready("{\"ok\":true}")))
        .route("/api/auth/get-session", get(|| std::future::ready("null")))
}

#[test]
fn valid_setup_reports_no_problem() {
    let server = AuthServer::shared();
    let database = postgres::database();
    let migrated = hallpass_with(&["migrate", "up"], &[("DATABASE_URL", &database)]);
    assert_eq!(migrated.code, 0);
    let settings = [
        ("BETTER_AUTH_URL", server.url.as_str()),
        ("BETTER_AUTH_SECRET", AUTH_SECRET),
        ("ALLOWED_ORIGINS", "http://127.0.0.1:3000"),
        ("TRUSTED_PROXIES", "10.0.0.0/8"),
        ("DATABASE_URL", &database),
    ];
    let run = doctor(&settings, PresentedAs::Nothing);
    assert_eq!(run.code, 0, "{:#}", run.report);
    for finding in run.report["setup"].as_array().unwrap() {
        assert_eq!(finding["level"], "good", "{finding}");
        assert!(finding["fix"].is_null());
    }
    let names: Vec<_> =
        run.report["setup"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    let expected = [
        "environment",
        "tokens",
        "sessions",
        "origins",
        "proxies",
        "metrics",
        "database",
        "migrations",
        "pooler",
        "nodes",
        "auth server",
        "clock",
        "get-session",
        "cookies",
        "secret",
        "key set",
        "rate limit",
    ];
    assert_eq!(names, expected);
    let (text, code) = run_doctor(&settings, PresentedAs::Nothing, &[]);
    assert_eq!((text.lines().count(), code), (expected.len(), 0), "one line each: {text}");
}

#[test]
fn doctor_in_development_creates_no_files() {
    let run = doctor(&[], PresentedAs::Nothing);
    assert_eq!(run.code, 0);
    run.reports("good", "environment", &["development", "BETTER_AUTH_URL"]);
    run.reports("warning", "database", &["hallpass.db", "hallpass serve"]);
    let directory = tempfile::tempdir().unwrap();
    let mut command = crate::cli::commands::command(directory.path(), &["doctor"], &[]);
    assert!(command.output().unwrap().status.success());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn every_finding_has_a_fix_line() {
    let (text, code) =
        run_doctor(&[("BETTER_AUTH_URL", "http://127.0.0.1:9")], PresentedAs::Nothing, &[]);
    assert_eq!(code, 1);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("good ") {
            assert!(line.starts_with("warning  ") || line.starts_with("wrong    "), "{line}");
            let fix = lines.next().unwrap();
            assert!(fix.starts_with("   ") && fix.trim().starts_with("fix: "), "{fix}");
        }
        assert!(!line.contains('\x1b'), "no colours in a pipe");
    }
}

#[test]
fn stopped_auth_server_is_reported() {
    let run = doctor(&[("BETTER_AUTH_URL", "http://127.0.0.1:9")], PresentedAs::Nothing);
    run.is_error(
        "auth server",
        &["BETTER_AUTH_URL", "no server responds", "start the auth server"],
    );
    run.reports("wrong", "key set", &["JWKS_URL", "http://127.0.0.1:9/api/auth/jwks"]);
}

#[test]
fn unknown_auth_host_is_reported() {
    let run = doctor(&[("BETTER_AUTH_URL", "http://auth.invalid")], PresentedAs::Nothing);
    run.is_error("auth server", &["correct the host in BETTER_AUTH_URL"]);
}

#[test]
fn wrong_base_path_is_reported() {
    let url = AuthServer::shared().url.as_str();
    let run = doctor(
        &[("BETTER_AUTH_URL", url), ("BETTER_AUTH_BASE_PATH", "/auth")],
        PresentedAs::Nothing,
    );
    run.is_error("auth server", &["404", "set BETTER_AUTH_BASE_PATH=/api/auth"]);
}

#[tokio::test]
async fn web_page_as_auth_server_is_reported() {
    let server = AuthServer::start(&json!({}));
    server.set_mode("html").await;
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], PresentedAs::Nothing);
    run.is_error("auth server", &["there is a web page", "BETTER_AUTH_URL"]);
    run.reports("wrong", "key set", &["JWKS_URL", "a web page"]);
}

#[test]
fn redirecting_auth_server_is_reported() {
    let page = || {
        std::future::ready((
            axum::http::StatusCode::PERMANENT_REDIRECT,
            [(LOCATION, "https://auth.example.com/api/auth/ok")],
        ))
    };
    let url = serve(Router::new().route("/api/auth/ok", get(page)));
    let run = doctor(&[("BETTER_AUTH_URL", &url)], PresentedAs::Nothing);
    run.is_error("auth server", &["redirected", "set BETTER_AUTH_URL=https://auth.example.com"]);
}

#[test]
fn self_referencing_auth_url_is_reported() {
    let url = serve(Router::new());
    let port = url.rsplit(':').next().unwrap();
    let run = doctor(&[("BETTER_AUTH_URL", &url), ("API_PORT", port)], PresentedAs::Nothing);
    run.is_error("auth server", &["this server itself", "BETTER_AUTH_URL"]);
}

#[tokio::test]
async fn failing_auth_server_is_reported() {
    let server = AuthServer::start(&json!({}));
    server.set_mode("error500").await;
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], PresentedAs::Nothing);
    run.is_error("auth server", &["fails (500)", "log"]);
    server.set_mode("hang").await;
    let run = doctor(
        &[("BETTER_AUTH_URL", &server.url), ("AUTH_TIMEOUT", "200ms")],
        PresentedAs::Nothing,
    );
    run.is_error("auth server", &["it took too long", "AUTH_TIMEOUT"]);
}

#[test]
fn wrong_cookie_prefix_is_reported() {
    let server = AuthServer::start(&json!({"cookiePrefix": "shop"}));
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], PresentedAs::Nothing);
    run.is_error("cookies", &["shop.session_token", "set COOKIE_PREFIX=shop"]);
}

#[test]
fn secure_cookies_over_http_are_reported() {
    let server = AuthServer::start(&json!({"secureCookies": true}));
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], PresentedAs::Nothing);
    run.reports("warning", "cookies", &["__Secure-better-auth.session_token", "BETTER_AUTH_URL"]);
}

#[test]
fn wrong_better_auth_secret_is_reported() {
    let url = AuthServer::shared().url.as_str();
    let settings = |secret| [("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", secret)];
    let run = doctor(&settings("another-secret-than-the-auth-server-has-01"), PresentedAs::Nothing);
    run.is_error("secret", &["BETTER_AUTH_SECRET does not match the auth server"]);
    doctor(&settings(AUTH_SECRET), PresentedAs::Nothing).reports(
        "good",
        "secret",
        &["BETTER_AUTH_SECRET"],
    );
    let signing = AuthServer::start(&json!({"bearerRequireSignature": true}));
    let settings = [("BETTER_AUTH_URL", signing.url.as_str()), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    doctor(&settings, PresentedAs::Nothing).reports("good", "secret", &["matches the auth server"]);
}

#[test]
fn missing_jwt_plugin_warns_wrong_jwks_url_fails() {
    let server = AuthServer::start(&json!({"jwt": false}));
    let url = server.url.as_str();
    let run = doctor(&[("BETTER_AUTH_URL", url)], PresentedAs::Nothing);
    assert_eq!(run.code, 0);
    run.reports("warning", "key set", &["404", "jwt plugin", "JWKS_URL"]);
    let elsewhere = format!("{url}/.well-known/jwks.json");
    let run = doctor(&[("BETTER_AUTH_URL", url), ("JWKS_URL", &elsewhere)], PresentedAs::Nothing);
    run.is_error("key set", &["JWKS_URL", "404", &elsewhere]);
    let secret = ("JWKS_URL", "http://user:geheim@127.0.0.1:9/jwks");
    let (rejection, code) =
        run_doctor(&[("BETTER_AUTH_URL", url), secret], PresentedAs::Nothing, &[]);
    assert_eq!(code, 2);
    assert!(rejection.contains("JWKS_URL") && !rejection.contains("geheim"), "{rejection}");
}

#[test]
fn unusable_and_duplicate_keys_are_reported() {
    let (one, two) = (Key::ed25519("twice"), Key::ed25519("twice"));
    let odd = json!({"kty": "EC", "crv": "secp256k1", "kid": "odd", "x": "AA", "y": "AA"});
    let nameless = json!({"kty": "OKP", "crv": "Ed25519", "x": one.public["x"]});
    let keys = json!({"keys": [one.public, two.public, odd, nameless]}).to_string();
    let url = serve(
        healthy_server().route("/api/auth/jwks", get(move || std::future::ready(keys.clone()))),
    );
    let run = doctor(&[("BETTER_AUTH_URL", &url)], PresentedAs::Nothing);
    run.reports("warning", "key set", &["\"twice\" appears more than once"]);
    run.reports("warning", "key set", &["\"odd\"", "is not used", "algorithm"]);
    run.reports("warning", "key set", &["number 4", "no kid"]);
    run.reports("good", "key set", &["1 key (EdDSA)", "JWKS_TTL"]);
}

#[test]
fn trailing_slash_in_oidc_issuer_is_reported() {
    let server = AuthServer::start(&json!({"oauth": true}));
    let mut settings = vec![("BETTER_AUTH_URL", server.url.as_str()), ("SSO_CLIENT_ID", "app")];
    doctor(&settings, PresentedAs::Nothing).reports("good", "discovery", &["OIDC_ISSUER"]);
    let slash = format!("{}/api/auth/", server.url);
    settings.push(("OIDC_ISSUER", &slash));
    let fix = format!("set OIDC_ISSUER={}/api/auth", server.url);
    doctor(&settings, PresentedAs::Nothing).is_error("discovery", &[&fix]);
}

#[test]
fn problematic_origins_are_reported() {
    let url = AuthServer::shared().url.as_str();
    let run = |origins| {
        doctor(&[("BETTER_AUTH_URL", url), ("ALLOWED_ORIGINS", origins)], PresentedAs::Nothing)
    };
    let none = doctor(&[("BETTER_AUTH_URL", url)], PresentedAs::Nothing);
    none.reports(
        "warning",
        "origins",
        &["ALLOWED_ORIGINS is empty", "CORS", "credentials: \"include\""],
    );
    let named = run("http://localhost:3000");
    named.reports("warning", "origins", &["http://localhost:3000", "127.0.0.1", "ALLOWED_ORIGINS"]);
    let own = run("http://127.0.0.1:8000");
    own.reports("warning", "origins", &["this server itself", "remove http://127.0.0.1:8000"]);
    let mixed = run("https://app.example.com,http://www.example.com");
    mixed.reports("warning", "origins", &["http://www.example.com", "https://www.example.com"]);
    run("http://127.0.0.1:3000").reports("good", "origins", &["credentials: \"include\""]);
}

#[test]
fn clock_offset_is_reported_with_leeway() {
    let late = |seconds: i64| {
        let date = now() - chrono::TimeDelta::seconds(seconds);
        let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let date = HeaderValue::try_from(date).unwrap();
        let router = healthy_server().layer(axum::middleware::map_response(
            move |mut response: axum::response::Response| {
                response.headers_mut().insert(DATE, date.clone());
                std::future::ready(response)
            },
        ));
        doctor(&[("BETTER_AUTH_URL", &serve(router))], PresentedAs::Nothing)
    };
    late(90).is_error("clock", &["behind this machine's", "JWT_LEEWAY", "NTP"]);
    late(-90).is_error("clock", &["ahead of this machine's", "JWT_LEEWAY"]);
    late(9).reports("warning", "clock", &["JWT_LEEWAY tolerates 10s"]);
    late(0).reports("good", "clock", &[]);
}

#[test]
fn rate_limit_behind_proxy_is_reported() {
    let shared = AuthServer::start(&json!({"rateLimit": true, "ipAddressHeaders": ["x-real-ip"]}));
    let run = doctor(&[("BETTER_AUTH_URL", &shared.url)], PresentedAs::Nothing);
    run.reports(
        "warning",
        "rate limit",
        &["X-Forwarded-For", "customRules {\"/get-session\": false}"],
    );
    assert_eq!(run.code, 0);
    let own = AuthServer::start(&json!({"rateLimit": true}));
    let run = doctor(&[("BETTER_AUTH_URL", &own.url)], PresentedAs::Nothing);
    run.reports("good", "rate limit", &["limited per address"]);
}

#[tokio::test]
async fn rate_limit_probe_sends_101_requests() {
    let server = AuthServer::start(&json!({}));
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    doctor(&settings, PresentedAs::Token("undefined"));
    let before = server.count("/api/auth/get-session").await;
    assert!(before < 10, "{before}");
    doctor(&settings, PresentedAs::Nothing);
    let requests = server.count("/api/auth/get-session").await - before;
    assert!((101..=105).contains(&requests), "{requests}");
}

#[test]
fn missing_database_or_migration_is_reported() {
    let run =
        doctor(&[("DATABASE_URL", "sqlite:///no/such/place/x.db?mode=rwc")], PresentedAs::Nothing);
    run.is_error("database", &["DATABASE_URL", "/no/such/place"]);
    let run =
        doctor(&[("DATABASE_URL", "postgres://u:geheim@127.0.0.1:9/x")], PresentedAs::Nothing);
    run.is_error("database", &["DATABASE_URL"]);
    assert!(!run.report.to_string().contains("geheim"));
    let empty = postgres::empty_database();
    let run = doctor(&[("DATABASE_URL", &empty)], PresentedAs::Nothing);
    run.reports("warning", "migrations", &["pending", "hallpass migrate up"]);
}

#[test]
fn unreachable_redis_is_reported() {
    let run = doctor(&[("REDIS_URL", "redis://:geheim@127.0.0.1:9")], PresentedAs::Nothing);
    run.is_error("redis", &["REDIS_URL"]);
    assert!(!run.report.to_string().contains("geheim"));
}

#[test]
fn application_endpoints_are_probed_with_the_key() {
    let server = AuthServer::start(&json!({"apiKeys": true, "ssoApiKey": "the-key"}));
    let url = server.url.as_str();
    let verify = format!("{url}/api/verify-api-key");
    let base = [("BETTER_AUTH_URL", url), ("API_KEY_VERIFY_URL", verify.as_str())];
    let with = |key, verify| {
        let more = [base[0], ("API_KEY_VERIFY_URL", verify), ("SSO_API_KEY", key)];
        doctor(&more, PresentedAs::Nothing)
    };
    let run = with("the-key", &verify);
    run.reports("good", "API keys", &["API_KEY_VERIFY_URL"]);
    run.reports("good", "users", &["USER_LOOKUP_URL"]);
    with("another", &verify).is_error("users", &["401", "SSO_API_KEY"]);
    let nowhere = format!("{url}/api/verify");
    with("the-key", &nowhere).is_error("API keys", &["404", "API_KEY_VERIFY_URL"]);
}

#[tokio::test]
async fn unauthorized_introspection_is_reported() {
    let server = AuthServer::start(&json!({"oauth": true}));
    let client: serde_json::Value = crate::support::app::client()
        .post(format!("{}/control/oauth-client", server.url))
        .json(&json!({}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let id = client["client_id"].as_str().unwrap();
    let run = |secret| {
        let settings = [
            ("BETTER_AUTH_URL", server.url.as_str()),
            ("INTROSPECTION_CLIENT_ID", id),
            ("INTROSPECTION_CLIENT_SECRET", secret),
        ];
        doctor(&settings, PresentedAs::Nothing)
    };
    run(client["client_secret"].as_str().unwrap()).reports("good", "opaque tokens", &[]);
    run("wrong").is_error("opaque tokens", &["INTROSPECTION_CLIENT_SECRET"]);
}

#[test]
fn missing_oauth_provider_is_reported() {
    let url = AuthServer::shared().url.as_str();
    let run = doctor(&[("BETTER_AUTH_URL", url), ("USERINFO", "trust")], PresentedAs::Nothing);
    run.is_error("opaque tokens", &["USERINFO", "@better-auth/oauth-provider"]);
}

#[test]
fn no_session_cache_and_port_clash_are_reported() {
    let issuer = Issuer::shared();
    let settings = [
        ("BETTER_AUTH_URL", issuer.url()),
        ("SESSION_CACHE_TTL", "0s"),
        ("METRICS_ADDR", "127.0.0.1:8000"),
    ];
    let run = doctor(&settings, PresentedAs::Nothing);
    run.reports("warning", "sessions", &["SESSION_CACHE_TTL=30s"]);
    run.is_error("metrics", &["METRICS_ADDR"]);
    run.reports("warning", "proxies", &["TRUSTED_PROXIES is empty"]);
}

#[test]
fn invalid_setting_ends_the_doctor() {
    for (name, value) in
        [("ALLOWED_ORIGINS", "*"), ("JWT_SECRET", "short"), ("BETTER_AUTH_URL", "auth")]
    {
        let (text, code) = run_doctor(&[(name, value)], PresentedAs::Nothing, &[]);
        assert_eq!((code, text.trim().lines().count()), (2, 1), "{text}");
        assert!(text.contains(name), "{text}");
    }
    assert_eq!(hallpass_with(&["doctor", "--token", "a", "--cookie", "b"], &[]).code, 2);
}
