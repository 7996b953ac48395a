//! One setting is broken on purpose: the doctor names it.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{DATE, LOCATION};
use axum::routing::get;
use hallpass_data::now;
use serde_json::json;

use super::{AUTH_SECRET, Shown, doctor, said};
use crate::auth_server::AuthServer;
use crate::command_line::hallpass_with;
use crate::issuer::{Issuer, Key, serve};
use crate::postgres;

/// Better Auth's health check, as a server says it that is not all there.
pub(super) fn well() -> Router {
    Router::new()
        .route("/api/auth/ok", get(|| std::future::ready("{\"ok\":true}")))
        .route("/api/auth/get-session", get(|| std::future::ready("null")))
}

#[test]
fn a_set_up_that_fits_together_is_good() {
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
    let told = doctor(&settings, Shown::Nothing);
    assert_eq!(told.code, 0, "{:#}", told.report);
    for finding in told.report["setup"].as_array().unwrap() {
        assert_eq!(finding["level"], "good", "{finding}");
        assert!(finding["fix"].is_null());
    }
    let names: Vec<_> =
        told.report["setup"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
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
        "auth server",
        "clock",
        "get-session",
        "cookies",
        "secret",
        "key set",
        "rate limit",
    ];
    assert_eq!(names, expected);
    let (text, code) = said(&settings, Shown::Nothing, &[]);
    assert_eq!((text.lines().count(), code), (expected.len(), 0), "one line each: {text}");
}

#[test]
fn development_needs_no_auth_server_and_the_doctor_makes_no_files() {
    let told = doctor(&[], Shown::Nothing);
    assert_eq!(told.code, 0);
    told.says("good", "environment", &["development", "BETTER_AUTH_URL"]);
    told.says("warning", "database", &["hallpass.db", "hallpass serve"]);
    let directory = tempfile::tempdir().unwrap();
    let mut command = crate::command_line::command(directory.path(), &["doctor"], &[]);
    assert!(command.output().unwrap().status.success());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn each_warning_and_wrong_has_a_second_line_with_the_fix() {
    let (text, code) = said(&[("BETTER_AUTH_URL", "http://127.0.0.1:9")], Shown::Nothing, &[]);
    assert_eq!(code, 1);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("good ") {
            assert!(line.starts_with("warning  ") || line.starts_with("wrong    "), "{line}");
            let fix = lines.next().unwrap();
            assert!(fix.starts_with("   ") && fix.trim().starts_with("fix: "), "{fix}");
        }
        assert!(!line.contains('\x1b'), "no colours where nobody sees them");
    }
}

#[test]
fn an_auth_server_that_is_not_running_is_told_with_better_auth_url() {
    let told = doctor(&[("BETTER_AUTH_URL", "http://127.0.0.1:9")], Shown::Nothing);
    told.is_wrong(
        "auth server",
        &["BETTER_AUTH_URL", "no server answers", "start the auth server"],
    );
    told.says("wrong", "key set", &["JWKS_URL", "http://127.0.0.1:9/api/auth/jwks"]);
}

#[test]
fn a_host_that_there_is_not_is_told_with_better_auth_url() {
    let told = doctor(&[("BETTER_AUTH_URL", "http://auth.invalid")], Shown::Nothing);
    told.is_wrong("auth server", &["correct the host in BETTER_AUTH_URL"]);
}

#[test]
fn a_wrong_base_path_is_told_with_the_right_one() {
    let url = AuthServer::shared().url.as_str();
    let told =
        doctor(&[("BETTER_AUTH_URL", url), ("BETTER_AUTH_BASE_PATH", "/auth")], Shown::Nothing);
    told.is_wrong("auth server", &["404", "set BETTER_AUTH_BASE_PATH=/api/auth"]);
}

#[tokio::test]
async fn a_web_page_where_the_auth_server_was_meant_is_told() {
    let server = AuthServer::start(&json!({}));
    server.set_mode("html").await;
    let told = doctor(&[("BETTER_AUTH_URL", &server.url)], Shown::Nothing);
    told.is_wrong("auth server", &["there is a web page", "BETTER_AUTH_URL"]);
    told.says("wrong", "key set", &["JWKS_URL", "a web page"]);
}

#[test]
fn an_auth_server_that_redirects_is_told_with_where_it_went() {
    let page = || {
        std::future::ready((
            axum::http::StatusCode::PERMANENT_REDIRECT,
            [(LOCATION, "https://auth.example.com/api/auth/ok")],
        ))
    };
    let url = serve(Router::new().route("/api/auth/ok", get(page)));
    let told = doctor(&[("BETTER_AUTH_URL", &url)], Shown::Nothing);
    told.is_wrong("auth server", &["redirected", "set BETTER_AUTH_URL=https://auth.example.com"]);
}

#[test]
fn a_server_that_is_pointed_at_itself_is_told() {
    let url = serve(Router::new());
    let port = url.rsplit(':').next().unwrap();
    let told = doctor(&[("BETTER_AUTH_URL", &url), ("API_PORT", port)], Shown::Nothing);
    told.is_wrong("auth server", &["this server itself", "BETTER_AUTH_URL"]);
}

#[tokio::test]
async fn an_auth_server_in_trouble_is_told() {
    let server = AuthServer::start(&json!({}));
    server.set_mode("error500").await;
    let told = doctor(&[("BETTER_AUTH_URL", &server.url)], Shown::Nothing);
    told.is_wrong("auth server", &["fails (500)", "log"]);
    server.set_mode("hang").await;
    let told =
        doctor(&[("BETTER_AUTH_URL", &server.url), ("AUTH_TIMEOUT", "200ms")], Shown::Nothing);
    told.is_wrong("auth server", &["it took too long", "AUTH_TIMEOUT"]);
}

#[test]
fn a_cookie_prefix_that_is_not_the_auth_servers_is_told_with_the_right_one() {
    let server = AuthServer::start(&json!({"cookiePrefix": "shop"}));
    let told = doctor(&[("BETTER_AUTH_URL", &server.url)], Shown::Nothing);
    told.is_wrong("cookies", &["shop.session_token", "set COOKIE_PREFIX=shop"]);
}

#[test]
fn secure_cookies_at_an_http_address_are_told() {
    let server = AuthServer::start(&json!({"secureCookies": true}));
    let told = doctor(&[("BETTER_AUTH_URL", &server.url)], Shown::Nothing);
    told.says("warning", "cookies", &["__Secure-better-auth.session_token", "BETTER_AUTH_URL"]);
}

#[test]
fn a_better_auth_secret_that_is_not_the_auth_servers_is_told() {
    let url = AuthServer::shared().url.as_str();
    let settings = |secret| [("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", secret)];
    let told = doctor(&settings("another-secret-than-the-auth-server-has-01"), Shown::Nothing);
    told.is_wrong("secret", &["BETTER_AUTH_SECRET does not match the auth server"]);
    doctor(&settings(AUTH_SECRET), Shown::Nothing).says("good", "secret", &["BETTER_AUTH_SECRET"]);
    let signing = AuthServer::start(&json!({"bearerRequireSignature": true}));
    let settings = [("BETTER_AUTH_URL", signing.url.as_str()), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    doctor(&settings, Shown::Nothing).says("good", "secret", &["matches the auth server"]);
}

#[test]
fn a_missing_jwt_plugin_is_a_warning_and_a_wrong_jwks_url_is_wrong() {
    let server = AuthServer::start(&json!({"jwt": false}));
    let url = server.url.as_str();
    let told = doctor(&[("BETTER_AUTH_URL", url)], Shown::Nothing);
    assert_eq!(told.code, 0);
    told.says("warning", "key set", &["404", "jwt plugin", "JWKS_URL"]);
    let elsewhere = format!("{url}/.well-known/jwks.json");
    let told = doctor(&[("BETTER_AUTH_URL", url), ("JWKS_URL", &elsewhere)], Shown::Nothing);
    told.is_wrong("key set", &["JWKS_URL", "404", &elsewhere]);
    let secret = ("JWKS_URL", "http://user:geheim@127.0.0.1:9/jwks");
    let (refusal, code) = said(&[("BETTER_AUTH_URL", url), secret], Shown::Nothing, &[]);
    assert_eq!(code, 2);
    assert!(refusal.contains("JWKS_URL") && !refusal.contains("geheim"), "{refusal}");
}

#[test]
fn keys_that_are_no_use_and_ids_that_stand_twice_are_told() {
    let (one, two) = (Key::ed25519("twice"), Key::ed25519("twice"));
    let odd = json!({"kty": "EC", "crv": "secp256k1", "kid": "odd", "x": "AA", "y": "AA"});
    let nameless = json!({"kty": "OKP", "crv": "Ed25519", "x": one.public["x"]});
    let keys = json!({"keys": [one.public, two.public, odd, nameless]}).to_string();
    let url = serve(well().route("/api/auth/jwks", get(move || std::future::ready(keys.clone()))));
    let told = doctor(&[("BETTER_AUTH_URL", &url)], Shown::Nothing);
    told.says("warning", "key set", &["\"twice\" appears more than once"]);
    told.says("warning", "key set", &["\"odd\"", "is not used", "algorithm"]);
    told.says("warning", "key set", &["number 4", "no kid"]);
    told.says("good", "key set", &["1 key (EdDSA)", "JWKS_TTL"]);
}

#[test]
fn an_issuer_of_the_provider_that_differs_by_a_slash_is_told() {
    let server = AuthServer::start(&json!({"oauth": true}));
    let mut settings = vec![("BETTER_AUTH_URL", server.url.as_str()), ("SSO_CLIENT_ID", "app")];
    doctor(&settings, Shown::Nothing).says("good", "discovery", &["OIDC_ISSUER"]);
    let slash = format!("{}/api/auth/", server.url);
    settings.push(("OIDC_ISSUER", &slash));
    let fix = format!("set OIDC_ISSUER={}/api/auth", server.url);
    doctor(&settings, Shown::Nothing).is_wrong("discovery", &[&fix]);
}

#[test]
fn origins_that_browsers_stumble_over_are_told() {
    let url = AuthServer::shared().url.as_str();
    let told =
        |origins| doctor(&[("BETTER_AUTH_URL", url), ("ALLOWED_ORIGINS", origins)], Shown::Nothing);
    let none = doctor(&[("BETTER_AUTH_URL", url)], Shown::Nothing);
    none.says(
        "warning",
        "origins",
        &["ALLOWED_ORIGINS is empty", "CORS", "credentials: \"include\""],
    );
    let named = told("http://localhost:3000");
    named.says("warning", "origins", &["http://localhost:3000", "127.0.0.1", "ALLOWED_ORIGINS"]);
    let own = told("http://127.0.0.1:8000");
    own.says("warning", "origins", &["this server itself", "remove http://127.0.0.1:8000"]);
    let mixed = told("https://app.example.com,http://www.example.com");
    mixed.says("warning", "origins", &["http://www.example.com", "https://www.example.com"]);
    told("http://127.0.0.1:3000").says("good", "origins", &["credentials: \"include\""]);
}

#[test]
fn a_clock_that_is_wrong_is_told_with_jwt_leeway() {
    let late = |seconds: i64| {
        let date = now() - chrono::TimeDelta::seconds(seconds);
        let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let date = HeaderValue::try_from(date).unwrap();
        let router = well().layer(axum::middleware::map_response(
            move |mut response: axum::response::Response| {
                response.headers_mut().insert(DATE, date.clone());
                std::future::ready(response)
            },
        ));
        doctor(&[("BETTER_AUTH_URL", &serve(router))], Shown::Nothing)
    };
    late(90).is_wrong("clock", &["behind this one's", "JWT_LEEWAY", "NTP"]);
    late(-90).is_wrong("clock", &["ahead of this machine's", "JWT_LEEWAY"]);
    late(9).says("warning", "clock", &["JWT_LEEWAY forgives 10s"]);
    late(0).says("good", "clock", &[]);
}

#[test]
fn a_rate_limit_that_everybody_shares_is_told_with_the_way_out() {
    let shared = AuthServer::start(&json!({"rateLimit": true, "ipAddressHeaders": ["x-real-ip"]}));
    let told = doctor(&[("BETTER_AUTH_URL", &shared.url)], Shown::Nothing);
    told.says(
        "warning",
        "rate limit",
        &["X-Forwarded-For", "customRules {\"/get-session\": false}"],
    );
    assert_eq!(told.code, 0);
    let own = AuthServer::start(&json!({"rateLimit": true}));
    let told = doctor(&[("BETTER_AUTH_URL", &own.url)], Shown::Nothing);
    told.says("good", "rate limit", &["limited per address"]);
}

#[tokio::test]
async fn the_rate_limit_is_tried_with_101_questions_and_not_beside_a_credential() {
    let server = AuthServer::start(&json!({}));
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    doctor(&settings, Shown::Token("undefined"));
    let before = server.count("/api/auth/get-session").await;
    assert!(before < 10, "{before}");
    doctor(&settings, Shown::Nothing);
    let asked = server.count("/api/auth/get-session").await - before;
    assert!((101..=105).contains(&asked), "{asked}");
}

#[test]
fn a_database_that_is_not_there_or_not_migrated_is_told() {
    let told = doctor(&[("DATABASE_URL", "sqlite:///no/such/place/x.db?mode=rwc")], Shown::Nothing);
    told.is_wrong("database", &["DATABASE_URL", "/no/such/place"]);
    let told = doctor(&[("DATABASE_URL", "postgres://u:geheim@127.0.0.1:9/x")], Shown::Nothing);
    told.is_wrong("database", &["DATABASE_URL"]);
    assert!(!told.report.to_string().contains("geheim"));
    let empty = postgres::empty_database();
    let told = doctor(&[("DATABASE_URL", &empty)], Shown::Nothing);
    told.says("warning", "migrations", &["pending", "hallpass migrate up"]);
}

#[test]
fn a_redis_server_that_is_not_there_is_told() {
    let told = doctor(&[("REDIS_URL", "redis://:geheim@127.0.0.1:9")], Shown::Nothing);
    told.is_wrong("redis", &["REDIS_URL"]);
    assert!(!told.report.to_string().contains("geheim"));
}

#[test]
fn the_applications_endpoints_are_tried_and_their_key_too() {
    let server = AuthServer::start(&json!({"apiKeys": true, "ssoApiKey": "the-key"}));
    let url = server.url.as_str();
    let verify = format!("{url}/api/verify-api-key");
    let base = [("BETTER_AUTH_URL", url), ("API_KEY_VERIFY_URL", verify.as_str())];
    let with = |key, verify| {
        let more = [base[0], ("API_KEY_VERIFY_URL", verify), ("SSO_API_KEY", key)];
        doctor(&more, Shown::Nothing)
    };
    let told = with("the-key", &verify);
    told.says("good", "API keys", &["API_KEY_VERIFY_URL"]);
    told.says("good", "users", &["USER_LOOKUP_URL"]);
    with("another", &verify).is_wrong("users", &["401", "SSO_API_KEY"]);
    let nowhere = format!("{url}/api/verify");
    with("the-key", &nowhere).is_wrong("API keys", &["404", "API_KEY_VERIFY_URL"]);
}

#[tokio::test]
async fn a_client_that_may_not_introspect_is_told() {
    let server = AuthServer::start(&json!({"oauth": true}));
    let client: serde_json::Value = crate::app::client()
        .post(format!("{}/control/oauth-client", server.url))
        .json(&json!({}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let id = client["client_id"].as_str().unwrap();
    let told = |secret| {
        let settings = [
            ("BETTER_AUTH_URL", server.url.as_str()),
            ("INTROSPECTION_CLIENT_ID", id),
            ("INTROSPECTION_CLIENT_SECRET", secret),
        ];
        doctor(&settings, Shown::Nothing)
    };
    told(client["client_secret"].as_str().unwrap()).says("good", "opaque tokens", &[]);
    told("wrong").is_wrong("opaque tokens", &["INTROSPECTION_CLIENT_SECRET"]);
}

#[test]
fn an_auth_server_that_is_no_provider_is_told() {
    let url = AuthServer::shared().url.as_str();
    let told = doctor(&[("BETTER_AUTH_URL", url), ("USERINFO", "trust")], Shown::Nothing);
    told.is_wrong("opaque tokens", &["USERINFO", "@better-auth/oauth-provider"]);
}

#[test]
fn sessions_that_are_never_remembered_and_metrics_in_the_way_are_told() {
    let issuer = Issuer::shared();
    let settings = [
        ("BETTER_AUTH_URL", issuer.url()),
        ("SESSION_CACHE_TTL", "0s"),
        ("METRICS_ADDR", "127.0.0.1:8000"),
    ];
    let told = doctor(&settings, Shown::Nothing);
    told.says("warning", "sessions", &["SESSION_CACHE_TTL=30s"]);
    told.is_wrong("metrics", &["METRICS_ADDR"]);
    told.says("warning", "proxies", &["TRUSTED_PROXIES is empty"]);
}

#[test]
fn a_setting_that_stops_the_start_stops_the_doctor_with_one_sentence() {
    for (name, value) in
        [("ALLOWED_ORIGINS", "*"), ("JWT_SECRET", "short"), ("BETTER_AUTH_URL", "auth")]
    {
        let (text, code) = said(&[(name, value)], Shown::Nothing, &[]);
        assert_eq!((code, text.trim().lines().count()), (2, 1), "{text}");
        assert!(text.contains(name), "{text}");
    }
    assert_eq!(hallpass_with(&["doctor", "--token", "a", "--cookie", "b"], &[]).code, 2);
}
