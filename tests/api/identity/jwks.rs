//! The auth server's key set: published, rotated, broken and unavailable.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_data::now;
use serde_json::{Value, json};

use crate::identity::jwt::{ask, assert_rejected};
use crate::support::app::{App, Backend};
use crate::support::issuer::{Key, serve};

/// A key set endpoint that a test controls.
#[derive(Clone, Default)]
pub struct Publisher {
    answer: Arc<Mutex<(StatusCode, String)>>,
    cache_control: Arc<Mutex<Option<&'static str>>>,
    pause: Arc<Mutex<Duration>>,
    fetches: Arc<AtomicUsize>,
}

impl Publisher {
    pub fn start(keys: &[&Key]) -> (Self, String) {
        let publisher = Self::default();
        publisher.publish(keys);
        let router =
            Router::new().route("/api/auth/jwks", get(publish)).with_state(publisher.clone());
        (publisher, serve(router))
    }

    pub fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| &key.public).collect();
        self.respond_with(StatusCode::OK, json!({ "keys": keys }).to_string());
    }

    fn respond_with(&self, status: StatusCode, body: impl Into<String>) {
        *self.answer.lock().unwrap() = (status, body.into());
    }

    pub fn fail(&self) {
        self.respond_with(StatusCode::SERVICE_UNAVAILABLE, "away");
    }

    /// Delays later responses by this time.
    pub fn delay_responses(&self, pause: Duration) {
        *self.pause.lock().unwrap() = pause;
    }

    pub fn set_cache_control(&self, cache_control: &'static str) {
        *self.cache_control.lock().unwrap() = Some(cache_control);
    }

    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

async fn publish(State(publisher): State<Publisher>) -> axum::response::Response {
    publisher.fetches.fetch_add(1, Ordering::SeqCst);
    let pause = *publisher.pause.lock().unwrap();
    tokio::time::sleep(pause).await;
    let cache_control = publisher.cache_control.lock().unwrap().map(|it| [("cache-control", it)]);
    let answer = publisher.answer.lock().unwrap().clone();
    match cache_control {
        Some(headers) => (headers, answer).into_response(),
        None => answer.into_response(),
    }
}

pub fn token_of(key: &Key, issuer: &str) -> String {
    let issued = now().timestamp();
    key.sign(&json!({"sub": "u", "iss": issuer, "aud": issuer, "iat": issued, "exp": issued + 60}))
}

#[tokio::test]
async fn unknown_kids_cost_a_bounded_number_of_fetches() {
    let key = Key::ed25519("known");
    let (publisher, url) = Publisher::start(&[&key]);
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
    assert_eq!(ask(&app, &token_of(&key, &url)).await.status, 200);
    let foreign = Key::ed25519("stranger");
    let exp = now().timestamp() + 60;
    let claims = json!({"sub": "u", "iss": url, "aud": url, "exp": exp}).to_string();
    for batch in 0..6 {
        let header = |n| json!({"alg": "EdDSA", "kid": format!("unknown-{batch}-{n}")});
        let tokens: Vec<_> = (0..50).map(|n| foreign.sign_raw(&header(n), &claims)).collect();
        let requests = tokens.iter().map(|token| ask(&app, token));
        for answer in futures_util::future::join_all(requests).await {
            assert!([401, 503].contains(&answer.status.as_u16()), "{}", answer.body);
            assert_eq!(answer.status == 503, answer.codes() == ["AUTH_UNAVAILABLE"]);
            assert_eq!(answer.status == 503, answer.headers.contains_key("retry-after"));
        }
    }
    assert!(publisher.fetches() <= 5, "{} fetches", publisher.fetches());
    assert_eq!(ask(&app, &token_of(&key, &url)).await.status, 200);
}

#[tokio::test]
async fn rotated_key_is_found_within_the_cooldown() {
    let (old, new, newer) = (Key::ed25519("old"), Key::ed25519("new"), Key::ed25519("newer"));
    let (publisher, url) = Publisher::start(&[&old]);
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
    assert_eq!(ask(&app, &token_of(&old, &url)).await.status, 200);
    publisher.publish(&[&old, &new]);
    assert_eq!(ask(&app, &token_of(&new, &url)).await.status, 200);
    publisher.publish(&[&old, &new, &newer]);
    assert_eq!(ask(&app, &token_of(&newer, &url)).await.status, 200);
    assert_eq!(publisher.fetches(), 3);
}

#[tokio::test]
async fn unknown_key_is_unavailable_until_fetched() {
    let (old, new, foreign) = (Key::ed25519("old"), Key::ed25519("new"), Key::ed25519("made-up"));
    let (publisher, url) = Publisher::start(&[&old]);
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "6s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    assert_eq!(ask(&app, &token_of(&old, &url)).await.status, 200);
    let mut spent = 0;
    while spent < 10 {
        let header = json!({"alg": "EdDSA", "kid": format!("made-up-{spent}")});
        let claims = json!({"sub": "u", "iss": url, "aud": url, "exp": now().timestamp() + 60});
        if ask(&app, &foreign.sign_raw(&header, &claims.to_string())).await.status == 503 {
            break;
        }
        spent += 1;
    }
    assert!(spent < 10, "made-up key ids use the fetches up");
    publisher.publish(&[&old, &new]);
    let (real, forged) = (token_of(&new, &url), token_of(&foreign, &url));
    let (unsure, forged_unsure) = (ask(&app, &real).await, ask(&app, &forged).await);
    for answer in [&unsure, &forged_unsure] {
        assert_eq!(answer.status, 503, "not known yet: {}", answer.body);
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=2).contains(&wait), "{wait}");
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while ask(&app, &real).await.status != 200 {
        assert!(std::time::Instant::now() < deadline, "the real key is found soon");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let fetches = publisher.fetches();
    assert_rejected(&ask(&app, &forged).await, "the set that came after it has no such key");
    assert_eq!(publisher.fetches(), fetches, "which needs no fetch of its own");
}

#[tokio::test]
async fn rejected_token_is_accepted_by_a_right_set() {
    const COOLDOWN: Duration = Duration::from_secs(2);
    let (old, new) = (Key::ed25519("old"), Key::ed25519("new"));
    let (publisher, url) = Publisher::start(&[&old]);
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "2s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    assert_eq!(ask(&app, &token_of(&old, &url)).await.status, 200);
    let (began, before) = (Instant::now(), publisher.fetches());
    let token = token_of(&new, &url);
    while began.elapsed() < COOLDOWN * 2 {
        assert_rejected(&ask(&app, &token).await, "its key is not published");
    }
    let fetches = publisher.fetches() - before;
    assert!((2..=3).contains(&fetches), "{fetches} fetches in two cool-downs");
    publisher.publish(&[&old, &new]);
    let published = Instant::now();
    while ask(&app, &token).await.status != 200 {
        assert!(published.elapsed() < COOLDOWN * 2, "the same token stays rejected");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn tokens_with_unknown_keys_are_guesses() {
    let (known, foreign) = (Key::ed25519("known"), Key::ed25519("made-up"));
    let (_publisher, url) = Publisher::start(&[&known]);
    let flags = ["--better-auth-url", &url, "--rate-limit", "anonymous=100/h,free=100/h"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let real = token_of(&known, &url);
    assert_eq!(ask(&app, &real).await.status, 200);
    let claims = json!({"sub": "u", "iss": url, "aud": url, "exp": now().timestamp() + 60});
    let mut statuses = Vec::new();
    for number in 0..12 {
        let header = json!({"alg": "EdDSA", "kid": format!("made-up-{number}")});
        let answer = ask(&app, &foreign.sign_raw(&header, &claims.to_string())).await;
        statuses.push(answer.status.as_u16());
    }
    let (checked, refused) = statuses.split_at(10);
    assert!(checked.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    assert!(checked.contains(&503), "the key set is not fetched for each: {statuses:?}");
    assert_eq!(refused, [429, 429], "{statuses:?}");
    assert_eq!(ask(&app, &real).await.status, 200, "of a user");
}

#[tokio::test]
async fn unknown_kid_fetch_is_single_flight() {
    let (old, new) = (Key::ed25519("old"), Key::ed25519("new"));
    let (publisher, url) = Publisher::start(&[&old]);
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    assert_eq!(ask(&app, &token_of(&old, &url)).await.status, 200);
    publisher.publish(&[&old, &new]);
    let token = token_of(&new, &url);
    let requests = (0..40).map(|_| ask(&app, &token));
    for answer in futures_util::future::join_all(requests).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert!(publisher.fetches() == 2, "{} fetches", publisher.fetches());
}

#[tokio::test]
async fn concurrent_bad_signatures_share_a_fetch() {
    let (known, foreign) = (Key::ed25519("known"), Key::ed25519("stranger"));
    let (publisher, url) = Publisher::start(&[&known]);
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    assert_eq!(ask(&app, &token_of(&known, &url)).await.status, 200);
    publisher.delay_responses(Duration::from_millis(500));
    let exp = now().timestamp() + 60;
    let claims = |n| json!({"sub": format!("u{n}"), "iss": url, "aud": url, "exp": exp});
    let tokens: Vec<_> = (0..40).map(|n| foreign.sign(&claims(n))).collect();
    let requests = tokens.iter().map(|token| ask(&app, token));
    for answer in futures_util::future::join_all(requests).await {
        assert_rejected(&answer, "its key is unknown");
    }
    assert!(publisher.fetches() <= 5, "{} fetches", publisher.fetches());
}

#[tokio::test]
async fn weak_rsa_keys_are_dropped() {
    let rsa = |kid: &str, length: usize, exponent: &str| {
        let modulus = URL_SAFE_NO_PAD.encode(vec![0xff; length]);
        json!({"kty": "RSA", "alg": "RS256", "kid": kid, "n": modulus, "e": exponent})
    };
    let good = Key::ed25519("good").public;
    let weak =
        [("short", 128, "AQAB"), ("long", 2048, "AQAB"), ("one", 256, "AQ"), ("even", 256, "AQAA")];
    let weak: Vec<_> = weak.iter().map(|(kid, length, e)| rsa(kid, *length, e)).collect();
    for (strong, known) in
        [(vec![], "1 (EdDSA)"), (vec![rsa("strong", 256, "AQAB")], "2 (EdDSA, RS256)")]
    {
        let keys = [std::slice::from_ref(&good), &weak[..], &strong[..]].concat();
        let (publisher, url) = Publisher::start(&[]);
        publisher.respond_with(StatusCode::OK, json!({ "keys": keys }).to_string());
        let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
        let ready = app.anonymous().request(reqwest::Method::GET, "/ready").send().await.unwrap();
        let ready = ready.text().await.unwrap();
        assert!(ready.contains(&format!("key set: {known}")), "{ready}");
    }
}

#[tokio::test]
async fn broken_key_set_keeps_known_keys() {
    let (known, new) = (Key::ed25519("known"), Key::ed25519("new"));
    let (publisher, url) = Publisher::start(&[&known]);
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s", "--auth-timeout", "1s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let (known_token, new_token) = (token_of(&known, &url), token_of(&new, &url));
    assert_eq!(ask(&app, &known_token).await.status, 200);
    let huge = format!("{{\"keys\": [], \"x\": \"{}\"}}", "x".repeat(1_100_000));
    for (status, body) in [
        (500, "oops"),
        (404, ""),
        (302, ""),
        (200, ""),
        (200, "null"),
        (200, "<html>"),
        (200, "{"),
        (200, "[]"),
        (200, "{}"),
        (200, "{\"keys\":{}}"),
        (200, "{\"keys\":[]}"),
        (200, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"known\",\"k\":\"AAAA\"}]}"),
        (200, huge.as_str()),
    ] {
        publisher.respond_with(StatusCode::from_u16(status).unwrap(), body);
        let unsure = ask(&app, &new_token).await;
        assert_eq!(unsure.status, 503, "a new key cannot be known while the set is broken");
        assert_eq!(unsure.codes(), ["AUTH_UNAVAILABLE"]);
        assert_eq!(ask(&app, &known_token).await.status, 200, "{status}: {:.40}", body);
    }
    publisher.publish(&[&new]);
    assert_eq!(ask(&app, &new_token).await.status, 200, "restored");
    assert_rejected(&ask(&app, &known_token).await, "a key that was withdrawn");
}

#[tokio::test]
async fn hanging_key_set_is_awaited_once() {
    let router = Router::new().route("/api/auth/jwks", get(std::future::pending::<&'static str>));
    let url = serve(router);
    let flags = ["--better-auth-url", &url, "--auth-timeout", "1s", "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let token = token_of(&Key::ed25519("any"), &url);
    let began = std::time::Instant::now();
    for answer in futures_util::future::join_all((0..20).map(|_| ask(&app, &token))).await {
        assert_eq!(answer.status, 503);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn weak_keys_are_ignored() {
    let weak = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let public = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "weak", "x": weak});
    let good = Key::ed25519("good");
    let (publisher, url) = Publisher::start(&[]);
    publisher.respond_with(StatusCode::OK, json!({"keys": [public, good.public]}).to_string());
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({"alg": "EdDSA", "kid": "weak"}));
    let exp = now().timestamp() + 60;
    let payload = part(&json!({"sub": "u", "iss": url, "aud": url, "exp": exp}));
    let mut signature = [0; 64];
    signature[0] = 1;
    let forged = format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert_rejected(&ask(&app, &forged).await, "signed without a key");
    assert_eq!(ask(&app, &token_of(&good, &url)).await.status, 200);
}

#[tokio::test]
async fn unusable_key_does_not_break_the_set() {
    let good = Key::ed25519("good");
    let odd = [
        ("use", json!("enc")),
        ("use", json!(5)),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!("verify")),
        ("alg", json!("ES256")),
        ("alg", json!(null)),
        ("alg", json!("HS256")),
        ("crv", json!("Ed448")),
        ("crv", json!("X25519")),
        ("x", json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("kty", json!("oct")),
        ("kty", json!(7)),
        ("x", json!("AAAA")),
        ("x", json!(1)),
        ("d", json!("AAAA")),
        ("kid", json!(9)),
        ("kid", json!("")),
    ];
    let keys: Vec<_> = (0..odd.len()).map(|n| Key::ed25519(&format!("odd-{n}"))).collect();
    let mut published = vec![json!(null), json!("key"), json!({})];
    for (key, (member, value)) in keys.iter().zip(&odd) {
        let mut public = key.public.clone();
        public[member] = value.clone();
        published.push(public);
    }
    published.push(good.public.clone());
    let (publisher, url) = Publisher::start(&[]);
    publisher.respond_with(StatusCode::OK, json!({ "keys": published }).to_string());
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    assert_eq!(ask(&app, &token_of(&good, &url)).await.status, 200);
    for (key, (member, value)) in keys.iter().zip(&odd) {
        assert_rejected(&ask(&app, &token_of(key, &url)).await, &format!("{member}: {value}"));
    }
}

#[tokio::test]
async fn no_keys_yet_is_unavailable() {
    let flags = ["--better-auth-url", "http://127.0.0.1:9"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let answer = ask(&app, &token_of(&Key::ed25519("any"), "http://127.0.0.1:9")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.codes(), ["AUTH_UNAVAILABLE"]);
    assert!(answer.headers.contains_key("retry-after"));
    let ready = app.anonymous().request(reqwest::Method::GET, "/ready").send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.text().await.unwrap(), "not ready: key set\n");
    let alive = app.anonymous().request(reqwest::Method::GET, "/health").send().await.unwrap();
    assert_eq!(alive.status(), 200);
}
