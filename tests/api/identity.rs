//! Tokens that are good, and tokens that are not.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_entity::now;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::app::{Answer, App, Backend};
use crate::issuer::{Issuer, Key, serve};
use crate::people::{alice, person};

const SECRET: &str = "a shared secret of more than thirty-two bytes";

async fn ask(app: &App, token: &str) -> Answer {
    app.by_bearer(token).ask("{ viewer { id } }").await
}

#[track_caller]
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.body);
    assert_eq!(answer.codes(), ["UNAUTHENTICATED"], "{what}");
    assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"", "{what}");
    assert!(answer.body.get("data").is_none(), "{what}: nothing ran");
}

fn hs256(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

#[tokio::test]
async fn a_token_of_each_accepted_algorithm_makes_a_caller() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    let claims = issuer.full(&alice().claims());
    for key in [&issuer.ed25519, &issuer.p256, &issuer.rs256, &issuer.ps256] {
        let answer = ask(&app, &key.sign(&claims)).await;
        assert_eq!(answer.body["data"]["viewer"]["id"], "user-alice", "{:?}", key.algorithm);
    }
}

#[tokio::test]
async fn odd_but_right_tokens_are_accepted() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    let (url, present) = (issuer.url(), now().timestamp());
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "JWT"});
    for claims in [
        json!({"sub": "odd", "aud": ["other", url], "exp": present + 60}),
        json!({"sub": "odd", "exp": (present + 60) as f64 + 0.5}),
        json!({"sub": "odd", "exp": present - 5}),
        json!({"sub": "odd", "nbf": present + 5, "iat": present + 5}),
        json!({"sub": "odd", "exp": 1e15, "banned": false, "role": null, "tier": null}),
        json!({"sub": "odd", "banned": true, "banExpires": "2020-01-01T00:00:00.000Z"}),
    ] {
        let payload = format!(" {:#} ", issuer.full(&claims));
        let answer = ask(&app, &issuer.ed25519.sign_raw(&header, &payload)).await;
        assert_eq!(answer.body["data"]["viewer"]["id"], "odd", "{claims}");
    }
}

#[tokio::test]
async fn a_token_whose_claims_are_wrong_is_refused() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    let url = issuer.url();
    let present = now().timestamp();
    let long = "x".repeat(256);
    let wrong = [
        ("iss", json!(null)),
        ("iss", json!(format!("{url}/"))),
        ("iss", json!([url])),
        ("iss", json!(url.to_uppercase())),
        ("iss", json!("")),
        ("iss", json!(5)),
        ("aud", json!(null)),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(5)),
        ("aud", json!([url, 5])),
        ("aud", json!({ "a": url })),
        ("aud", json!(&url[..url.len() - 1])),
        ("aud", json!("better-auth:session-cache")),
        ("sub", json!(null)),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", json!(long)),
        ("sub", json!("a\u{0}")),
        ("sub", json!("a\nb")),
        ("sub", json!(["a"])),
        ("exp", json!(null)),
        ("exp", json!("9999999999")),
        ("exp", json!(present - 11)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(true)),
        ("exp", json!([present + 60])),
        ("nbf", json!(present + 60)),
        ("nbf", json!("soon")),
        ("iat", json!(present + 60)),
        ("client_id", json!("user-alice")),
        ("events", json!({})),
        ("cnf", json!({"jkt": "x"})),
        ("banned", json!(true)),
        ("banned", json!("true")),
        ("banned", json!(1)),
    ];
    for (claim, value) in wrong {
        let mut claims = issuer.full(&alice().claims());
        match &value {
            Value::Null => claims.as_object_mut().unwrap().remove(claim),
            value => claims.as_object_mut().unwrap().insert(claim.to_owned(), value.clone()),
        };
        let answer = ask(&app, &issuer.ed25519.sign(&claims)).await;
        assert_refused(&answer, &format!("{claim}: {value}"));
    }
    let future = json!({"banned": true, "banExpires": "2999-01-01T00:00:00Z"});
    assert_refused(&app.by_jwt(&banned(future)).ask("{ viewer { id } }").await, "a ban to come");
}

fn banned(ban: Value) -> crate::people::Person {
    person("banned")
        .with("banned", ban["banned"].clone())
        .with("banExpires", ban["banExpires"].clone())
}

#[tokio::test]
async fn a_token_whose_header_is_wrong_is_refused() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    let payload = issuer.full(&alice().claims()).to_string();
    let attacker = Key::ed25519("ed");
    let embedded = attacker.public.clone();
    for header in [
        json!({"kid": "ed"}),
        json!({"alg": null, "kid": "ed"}),
        json!({"alg": "none", "kid": "ed"}),
        json!({"alg": "None", "kid": "ed"}),
        json!({"alg": "eddsa", "kid": "ed"}),
        json!({"alg": ["EdDSA"], "kid": "ed"}),
        json!({"alg": "Ed25519", "kid": "ed"}),
        json!({"alg": "ES256", "kid": "ed"}),
        json!({"alg": "RS256", "kid": "ed"}),
        json!({"alg": "HS256", "kid": "ed"}),
        json!({"alg": "ES512", "kid": "ed"}),
        json!({"alg": "EdDSA"}),
        json!({"alg": "EdDSA", "kid": ""}),
        json!({"alg": "EdDSA", "kid": 1}),
        json!({"alg": "EdDSA", "kid": ["ed"]}),
        json!({"alg": "EdDSA", "kid": "../../dev/null"}),
        json!({"alg": "EdDSA", "kid": "x' UNION SELECT '1"}),
        json!({"alg": "EdDSA", "kid": "p256"}),
        json!({"alg": "EdDSA", "kid": "k".repeat(257)}),
        json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"], "exp": 1}),
        json!({"alg": "EdDSA", "kid": "ed", "crit": []}),
        json!({"alg": "EdDSA", "kid": "ed", "b64": false}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": 1}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": "better-auth.session-cache+jwt"}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": "logout+jwt"}),
    ] {
        let answer = ask(&app, &issuer.ed25519.sign_raw(&header, &payload)).await;
        assert_refused(&answer, &header.to_string());
    }
    for header in [
        json!({"alg": "EdDSA", "kid": "ed", "jwk": embedded}),
        json!({"alg": "EdDSA", "kid": "ed", "jku": "http://127.0.0.1:9/jwks"}),
        json!({"alg": "EdDSA", "kid": "ed"}),
    ] {
        let answer = ask(&app, &attacker.sign_raw(&header, &payload)).await;
        assert_refused(&answer, &format!("signed by somebody else: {header}"));
    }
}

#[tokio::test]
async fn a_token_that_was_altered_or_malformed_is_refused() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    for key in [&issuer.ed25519, &issuer.p256, &issuer.rs256, &issuer.ps256] {
        let token = key.sign(&issuer.full(&alice().claims()));
        let (message, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = message.split_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let zeros = URL_SAFE_NO_PAD.encode(vec![0; bytes.len()]);
        bytes[7] ^= 1;
        let flipped = URL_SAFE_NO_PAD.encode(&bytes);
        let other = URL_SAFE_NO_PAD.encode(issuer.full(&person("mallory").claims()).to_string());
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": key.kid()}).to_string());
        for bad in [
            format!("{message}."),
            format!("{message}.{flipped}"),
            format!("{message}.{zeros}"),
            format!("{header}.{other}.{signature}"),
            format!("{none}.{payload}."),
            format!("{none}.{payload}.{signature}"),
            format!("{message}.{signature}="),
            format!("{message}.{signature}.x.y"),
            format!(".{payload}.{signature}"),
            format!("{header}..{signature}"),
            format!("{message}.{}", &signature[1..]),
            format!("{message}.{signature}AAAA"),
            "..".to_owned(),
            "a.b.c".to_owned(),
        ] {
            assert_refused(&ask(&app, &bad).await, &bad);
        }
    }
    let header = json!({"alg": "EdDSA", "kid": "ed"});
    for payload in ["", "null", "[]", "\"x\"", "{", "{}", "{\"sub\":\"a\"}"] {
        let answer = ask(&app, &issuer.ed25519.sign_raw(&header, payload)).await;
        assert_refused(&answer, payload);
    }
}

#[tokio::test]
async fn the_public_key_is_no_shared_secret() {
    let issuer = Issuer::shared();
    let claims = issuer.full(&alice().claims());
    let without = App::start(Backend::Sqlite).await;
    let with = App::with(Backend::Sqlite, &["--jwt-secret", SECRET]).await;
    for app in [&without, &with] {
        for key in [&issuer.ed25519, &issuer.p256, &issuer.rs256] {
            for secret in [key.public.to_string(), key.public["x"].to_string(), String::new()] {
                assert_refused(
                    &ask(app, &hs256(&claims, &secret)).await,
                    "signed with what is public",
                );
            }
        }
    }
    assert_refused(&ask(&without, &hs256(&claims, SECRET)).await, "no secret is configured");
}

#[tokio::test]
async fn a_shared_secret_accepts_the_applications_own_tokens() {
    let old = "the secret before: more than thirty-two bytes";
    let flags = ["--jwt-secret", &format!("{SECRET},{old}")];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let exp = now().timestamp() + 60;
    for (claims, id) in [
        (json!({"sub": "s", "exp": exp}), "s"),
        (json!({"id": "i", "exp": exp}), "i"),
        (json!({"sub": "s", "id": "i", "iss": "anyone", "exp": exp}), "s"),
    ] {
        for secret in [SECRET, old] {
            let answer = ask(&app, &hs256(&claims, secret)).await;
            assert_eq!(answer.body["data"]["viewer"]["id"], id, "{claims}");
        }
    }
    for claims in [
        json!({"email": "x@example.test", "exp": exp}),
        json!({"sub": null, "email": "x@example.test", "exp": exp}),
        json!({"session": {"userId": "u"}, "user": {"id": "u"}, "exp": exp}),
        json!({"id": "u", "session": {"userId": "u"}, "user": {"id": "u"}, "exp": exp}),
        json!({"sub": "s", "aud": "somebody else", "exp": exp}),
        json!({"sub": "s"}),
        json!({"sub": "s", "exp": exp - 120}),
    ] {
        assert_refused(&ask(&app, &hs256(&claims, SECRET)).await, &claims.to_string());
    }
    let stranger =
        hs256(&json!({"sub": "s", "exp": exp}), "another secret of thirty-two bytes or more");
    assert_refused(&ask(&app, &stranger).await, "another secret");
}

#[tokio::test]
async fn a_shared_secret_token_keeps_to_the_issuer_and_audience_that_are_set() {
    let flags = ["--jwt-secret", SECRET, "--jwt-issuer", "mine", "--jwt-audience", "here,there"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let exp = now().timestamp() + 60;
    let good = json!({"sub": "s", "iss": "mine", "aud": "there", "exp": exp});
    assert_eq!(ask(&app, &hs256(&good, SECRET)).await.status, 200);
    for (claim, value) in [("iss", json!("yours")), ("aud", json!("elsewhere"))] {
        let mut claims = good.clone();
        claims[claim] = value;
        assert_refused(&ask(&app, &hs256(&claims, SECRET)).await, claim);
        claims.as_object_mut().unwrap().remove(claim);
        assert_refused(&ask(&app, &hs256(&claims, SECRET)).await, claim);
    }
}

#[tokio::test]
async fn what_the_issuer_says_of_a_caller_is_what_they_are() {
    let app =
        App::with(Backend::Sqlite, &["--role-claim", "roles", "--organization-claim", "org"]).await;
    let person = person("claims")
        .with("roles", json!(["editor", " admin ", 5, ""]))
        .with("permissions", "content:write tasks:read")
        .with("org", "acme")
        .tier("enterprise")
        .background("advanced", "INTERMEDIATE", "AI");
    let me = app
        .by_jwt(&person)
        .data(
            "{ me { id email emailVerified name roles tier permissions organizationId kind method
            contentLevel profile { softwareBackground hardwareBackground interestArea } } }",
        )
        .await;
    assert_eq!(
        me["me"],
        json!({
            "id": "user-claims", "email": "claims@example.test", "emailVerified": true, "name": "claims",
            "roles": ["admin", "editor"], "tier": "enterprise",
            "permissions": ["content:write", "tasks:read"], "organizationId": "acme", "kind": "USER",
            "method": "JWT", "contentLevel": "intermediate",
            "profile": {"softwareBackground": "ADVANCED", "hardwareBackground": "INTERMEDIATE", "interestArea": "AI"},
        })
    );
}

/// A key set endpoint that a test breaks and mends.
#[derive(Clone)]
struct Publisher {
    answer: Arc<Mutex<(StatusCode, String)>>,
    fetches: Arc<AtomicUsize>,
}

impl Publisher {
    fn start(keys: &[&Key]) -> (Self, String) {
        let publisher = Self { answer: Arc::default(), fetches: Arc::default() };
        publisher.publish(keys);
        let router =
            Router::new().route("/api/auth/jwks", get(publish)).with_state(publisher.clone());
        (publisher, serve(router))
    }

    fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| &key.public).collect();
        self.say(StatusCode::OK, json!({ "keys": keys }).to_string());
    }

    fn say(&self, status: StatusCode, body: impl Into<String>) {
        *self.answer.lock().unwrap() = (status, body.into());
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

async fn publish(State(publisher): State<Publisher>) -> axum::response::Response {
    publisher.fetches.fetch_add(1, Ordering::SeqCst);
    publisher.answer.lock().unwrap().clone().into_response()
}

fn token_of(key: &Key, issuer: &str) -> String {
    let issued = now().timestamp();
    key.sign(&json!({"sub": "u", "iss": issuer, "aud": issuer, "iat": issued, "exp": issued + 60}))
}

#[tokio::test]
async fn a_flood_of_unknown_keys_costs_the_auth_server_next_to_nothing() {
    let key = Key::ed25519("known");
    let (publisher, url) = Publisher::start(&[&key]);
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
    assert_eq!(ask(&app, &token_of(&key, &url)).await.status, 200);
    let strangers: Vec<_> = (0..50).map(|n| Key::ed25519(&format!("unknown-{n}"))).collect();
    let tokens: Vec<_> = strangers.iter().map(|key| token_of(key, &url)).collect();
    let answers = futures_util::future::join_all(tokens.iter().map(|token| ask(&app, token))).await;
    for answer in &answers {
        assert_refused(answer, "an unknown key");
    }
    assert_eq!(publisher.fetches(), 1, "the cool-down counts from the first fetch");
}

#[tokio::test]
async fn forty_at_once_with_a_new_key_fetch_it_once() {
    let (old, new) = (Key::ed25519("old"), Key::ed25519("new"));
    let (publisher, url) = Publisher::start(&[&old]);
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    assert_eq!(ask(&app, &token_of(&old, &url)).await.status, 200);
    publisher.publish(&[&old, &new]);
    let token = token_of(&new, &url);
    let asking = (0..40).map(|_| ask(&app, &token));
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert!(publisher.fetches() == 2, "{} fetches", publisher.fetches());
}

#[tokio::test]
async fn a_broken_key_set_harms_no_key_that_is_known() {
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
        publisher.say(StatusCode::from_u16(status).unwrap(), body);
        let unsure = ask(&app, &new_token).await;
        assert_eq!(unsure.status, 503, "a new key cannot be known while the set is broken");
        assert_eq!(unsure.codes(), ["AUTH_UNAVAILABLE"]);
        assert_eq!(ask(&app, &known_token).await.status, 200, "{status}: {:.40}", body);
    }
    publisher.publish(&[&new]);
    assert_eq!(ask(&app, &new_token).await.status, 200, "mended");
    assert_refused(&ask(&app, &known_token).await, "a key that was withdrawn");
}

#[tokio::test]
async fn whoever_waits_for_a_key_set_that_does_not_come_waits_once() {
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
async fn a_key_for_which_anyone_can_sign_is_not_used() {
    let weak = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let public = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "weak", "x": weak});
    let good = Key::ed25519("good");
    let (publisher, url) = Publisher::start(&[]);
    publisher.say(StatusCode::OK, json!({"keys": [public, good.public]}).to_string());
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({"alg": "EdDSA", "kid": "weak"}));
    let exp = now().timestamp() + 60;
    let payload = part(&json!({"sub": "u", "iss": url, "aud": url, "exp": exp}));
    let mut signature = [0; 64];
    signature[0] = 1;
    let forged = format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert_refused(&ask(&app, &forged).await, "signed without a key");
    assert_eq!(ask(&app, &token_of(&good, &url)).await.status, 200);
}

#[tokio::test]
async fn one_odd_key_does_not_spoil_the_set_and_is_never_used() {
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
    publisher.say(StatusCode::OK, json!({ "keys": published }).to_string());
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
    assert_eq!(ask(&app, &token_of(&good, &url)).await.status, 200);
    for (key, (member, value)) in keys.iter().zip(&odd) {
        assert_refused(&ask(&app, &token_of(key, &url)).await, &format!("{member}: {value}"));
    }
}

#[tokio::test]
async fn before_there_is_any_key_nobody_is_in_and_nobody_is_out() {
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
