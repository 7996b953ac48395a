//! Forged and inconsistent cookie caches. The auth server behind them has no sessions: an accepted caller
//! comes from the cookie cache.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_data::now;
use serde_json::{Value, json};

use crate::identity::cookies::signed;
use crate::identity::jwt::assert_rejected;
use crate::support::app::{App, Backend, GraphQlResponse};
use crate::support::auth_server::{AuthServer, SECRET};
use crate::support::cookie_cache_builder::{
    CACHE_FORMATS, CacheFormat, SIGNED_TYPE, compact, content, hs256, jwe,
};
use crate::support::issuer::{Issuer, Key};

const TOKEN: &str = "Nn6wJ5nFm1cXo0TQv0v5V3rGf8yYk2aB";
const FOREIGN: &str = "another secret, which the auth server has never seen";

async fn trusting() -> App {
    App::with(Backend::Sqlite, &["--cookie-cache", "trust", "--better-auth-secret", SECRET]).await
}

async fn show(app: &App, data: &str) -> GraphQlResponse {
    let cookie = format!(
        "better-auth.session_token={}; better-auth.session_data={data}",
        signed(TOKEN, SECRET)
    );
    app.by_cookie(&cookie).ask("{ viewer { id method tier roles expiresAt } }").await
}

async fn is_accepted(app: &App, data: &str, what: &str) {
    let viewer = show(app, data).await.data()["viewer"].clone();
    assert_eq!(viewer["id"], "cached-user", "{what}");
    assert_eq!(viewer["method"], "COOKIE_CACHE", "{what}");
    assert_eq!(viewer["roles"], json!(["admin", "user"]), "{what}");
}

async fn is_rejected(app: &App, data: &str, what: &str) {
    assert_rejected(&show(app, data).await, what);
}

/// The usual content, with one member changed.
fn with_member(path: &str, value: Value) -> Value {
    let mut content = content(TOKEN);
    let (parent, name) = path.rsplit_once('/').unwrap();
    content.pointer_mut(parent).unwrap()[name] = value;
    content
}

fn without(path: &str) -> Value {
    let mut content = content(TOKEN);
    let (parent, name) = path.rsplit_once('/').unwrap();
    content.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
    content
}

#[tokio::test]
async fn cookie_cache_is_accepted_until_expiry() {
    let app = trusting().await;
    for form in CACHE_FORMATS {
        is_accepted(&app, &form.encode(&content(TOKEN), 60), &format!("{form:?}")).await;
        for seconds in [0, -1, -300] {
            let data = form.encode(&content(TOKEN), seconds);
            is_rejected(&app, &data, &format!("{form:?} since {seconds}")).await;
        }
        let viewer = show(&app, &form.encode(&content(TOKEN), 90)).await.data();
        let shown: chrono::DateTime<chrono::Utc> =
            viewer["viewer"]["expiresAt"].as_str().unwrap().parse().unwrap();
        let lasts = (shown - now()).num_seconds();
        assert!((80..=90).contains(&lasts), "{form:?}: no longer than the cookie: {lasts}");
    }
}

#[tokio::test]
async fn inconsistent_cookie_cache_is_rejected() {
    let app = trusting().await;
    let past = (now() - chrono::TimeDelta::seconds(1)).to_rfc3339();
    for form in CACHE_FORMATS {
        for (path, value) in [
            ("/session/token", json!("another")),
            ("/session/token", json!(TOKEN.to_lowercase())),
            ("/session/token", json!([TOKEN])),
            ("/session/userId", json!("mallory")),
            ("/session/userId", Value::Null),
            ("/session/expiresAt", json!(past)),
            ("/session/expiresAt", json!("soon")),
            ("/session", json!("session")),
            ("/session", json!([])),
            ("/user/id", json!("mallory")),
            ("/user/id", json!("")),
            ("/user/id", json!(7)),
            ("/user/banned", json!(true)),
            ("/user/banned", json!("true")),
            ("/user", json!("cached-user")),
            ("/updatedAt", json!("lately")),
        ] {
            let what = format!("{form:?}, {path}: {value}");
            let mut content = with_member(path, value);
            content["sid"] = TOKEN.into();
            is_rejected(&app, &form.encode(&content, 60), &what).await;
        }
        for path in ["/session", "/user", "/updatedAt", "/session/token", "/session/expiresAt"] {
            let mut content = without(path);
            content["sid"] = TOKEN.into();
            content["sub"] = "cached-user".into();
            let what = format!("{form:?} without {path}");
            is_rejected(&app, &form.encode(&content, 60), &what).await;
        }
        let over = with_member("/user/banned", json!(true));
        let mut over_now = over.clone();
        over_now["user"]["banExpires"] = json!(past);
        is_accepted(&app, &form.encode(&over_now, 60), "the ban is over").await;
    }
}

#[tokio::test]
async fn duplicate_member_or_missing_exp_is_rejected() {
    let app = trusting().await;
    let expires = now().timestamp() + 60;
    for form in CACHE_FORMATS {
        let mut content = content(TOKEN);
        for (name, value) in [
            ("iss", json!(Issuer::shared().url())),
            ("aud", json!("better-auth:session-cache")),
            ("sub", json!("cached-user")),
            ("sid", json!(TOKEN)),
        ] {
            content[name] = value;
        }
        let endless = content.to_string();
        if form != CacheFormat::Compact {
            let what = format!("{form:?} without an end");
            is_rejected(&app, &form.encode_text(&endless, expires), &what).await;
            content["exp"] = expires.into();
        }
        let text = content.to_string();
        is_accepted(&app, &form.encode_text(&text, expires), &format!("{form:?}")).await;
        let open = text.strip_prefix('{').unwrap();
        for member in [r#""user":{"id":"mallory"}"#, r#""session":{}"#, r#""version":"1""#] {
            let doubled = format!("{{{member},{open}");
            let what = format!("{form:?} with {member} twice");
            is_rejected(&app, &form.encode_text(&doubled, expires), &what).await;
        }
        for text in ["{}", "{\"user\":{}}", "{\"session\":{},\"user\":{}}"] {
            is_rejected(&app, &form.encode_text(text, expires), text).await;
        }
    }
}

#[tokio::test]
async fn wrong_secret_or_algorithm_is_rejected() {
    let app = trusting().await;
    let issuer = Issuer::shared();
    let expires = now().timestamp() + 60;
    let mut full = content(TOKEN);
    full["exp"] = expires.into();
    let text = full.to_string();
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let public = issuer.ed25519.public["x"].as_str().unwrap();
    let (plain, typed) =
        (r#"{"alg":"HS256"}"#, format!(r#"{{"alg":"HS256","typ":"{SIGNED_TYPE}"}}"#));
    for (what, data) in [
        ("compact, by another", compact(&text, expires * 1000, FOREIGN)),
        ("compact, by nothing", compact(&text, expires * 1000, "")),
        ("by another", hs256(plain, &text, FOREIGN)),
        ("by nothing", hs256(plain, &text, "")),
        ("by a public key", hs256(plain, &text, public)),
        ("by a whole public key", hs256(plain, &text, &issuer.ed25519.public.to_string())),
        ("of the other type", hs256(&typed, &text, SECRET)),
        ("as an access token", hs256(r#"{"alg":"HS256","typ":"at+jwt"}"#, &text, SECRET)),
        ("HS512 in name", hs256(r#"{"alg":"HS512"}"#, &text, SECRET)),
        ("none in name", hs256(r#"{"alg":"none"}"#, &text, SECRET)),
        ("critical", hs256(r#"{"alg":"HS256","crit":["exp"]}"#, &text, SECRET)),
        ("alg twice", hs256(r#"{"alg":"none","alg":"HS256"}"#, &text, SECRET)),
        ("unsigned", format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&text))),
        ("unsigned and typed", {
            let header = format!(r#"{{"alg":"none","kid":"ed","typ":"{SIGNED_TYPE}"}}"#);
            format!("{}.{}.", part(&header), part(&text))
        }),
        ("HS256 without a signature", format!("{}.{}.", part(plain), part(&text))),
    ] {
        is_rejected(&app, &data, what).await;
    }
    is_accepted(&app, &hs256(plain, &text, SECRET), "by the secret").await;
}

#[tokio::test]
async fn jwks_signed_cache_needs_exact_claims_and_typ() {
    let app = trusting().await;
    let issuer = Issuer::shared();
    let encode = |claim: &str, value: Value| {
        let mut content = content(TOKEN);
        content[claim] = value;
        CacheFormat::Signed.encode(&content, 60)
    };
    is_accepted(&app, &encode("version", json!("2")), "a good one").await;
    for (claim, value) in [
        ("iss", json!("https://elsewhere.example")),
        ("iss", json!(format!("{}/", issuer.url()))),
        ("iss", json!([issuer.url()])),
        ("aud", json!(issuer.url())),
        ("aud", json!(["better-auth:session-cache"])),
        ("aud", Value::Null),
        ("sub", json!("mallory")),
        ("sub", Value::Null),
        ("sid", json!("another")),
        ("sid", Value::Null),
    ] {
        let what = format!("{claim}: {value}");
        is_rejected(&app, &encode(claim, value), &what).await;
    }
    let good = encode("version", json!("1"));
    let payload = URL_SAFE_NO_PAD.decode(good.split('.').nth(1).unwrap()).unwrap();
    let payload = String::from_utf8(payload).unwrap();
    for header in [
        json!({"alg": "EdDSA", "kid": "ed"}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": "JWT"}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": "logout+jwt"}),
        json!({"alg": "EdDSA", "kid": "unknown", "typ": SIGNED_TYPE}),
        json!({"alg": "EdDSA", "typ": SIGNED_TYPE}),
        json!({"alg": "ES256", "kid": "ed", "typ": SIGNED_TYPE}),
        json!({"alg": "EdDSA", "kid": "ed", "typ": SIGNED_TYPE, "crit": ["exp"]}),
    ] {
        let data = issuer.ed25519.sign_raw(&header, &payload);
        is_rejected(&app, &data, &header.to_string()).await;
    }
    let foreign = Key::ed25519("ed");
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": SIGNED_TYPE, "jwk": foreign.public});
    is_rejected(&app, &foreign.sign_raw(&header, &payload), "by another key").await;
}

#[tokio::test]
async fn only_dir_a256cbc_hs512_is_accepted() {
    let app = trusting().await;
    let mut full = content(TOKEN);
    full["exp"] = (now().timestamp() + 60).into();
    let text = full.to_string();
    let ordinary = r#"{"alg":"dir","enc":"A256CBC-HS512"}"#;
    let good = jwe(ordinary, &text, SECRET);
    is_accepted(&app, &good, "a good one").await;
    is_rejected(&app, &jwe(ordinary, &text, FOREIGN), "by another secret").await;
    for header in [
        r#"{"alg":"dir","enc":"A256CBC-HS512","zip":"DEF"}"#,
        r#"{"alg":"dir","enc":"A256CBC-HS512","crit":["exp"]}"#,
        r#"{"alg":"dir","enc":"A128CBC-HS256"}"#,
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"{"alg":"dir"}"#,
        r#"{"alg":"A256KW","enc":"A256CBC-HS512"}"#,
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A256CBC-HS512","p2c":1000000000,"p2s":"AAAA"}"#,
        r#"{"enc":"A256CBC-HS512"}"#,
        "[]",
        "{",
    ] {
        is_rejected(&app, &jwe(header, &text, SECRET), header).await;
    }
    let parts: Vec<_> = good.split('.').collect();
    let [header, _, iv, ciphertext, tag] = parts[..] else { panic!("five parts") };
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let other = URL_SAFE_NO_PAD.encode(r#"{"enc":"A256CBC-HS512","alg":"dir"}"#);
    for (what, data) in [
        ("a key", format!("{header}.AAAA.{iv}.{ciphertext}.{tag}")),
        ("another header", format!("{other}..{iv}.{ciphertext}.{tag}")),
        ("half a tag", format!("{header}..{iv}.{ciphertext}.{}", part(&bytes(tag)[..16]))),
        ("no tag", format!("{header}..{iv}.{ciphertext}.")),
        ("a longer tag", format!("{header}..{iv}.{ciphertext}.{tag}AAAA")),
        ("a shorter vector", format!("{header}..{}.{ciphertext}.{tag}", part(&bytes(iv)[..12]))),
        ("no content", format!("{header}..{iv}..{tag}")),
        ("half the content", {
            let half = bytes(ciphertext);
            format!("{header}..{iv}.{}.{tag}", part(&half[..half.len() / 32 * 16]))
        }),
    ] {
        is_rejected(&app, &data, what).await;
    }
}

#[tokio::test]
async fn cookie_cache_and_bearer_token_are_distinct() {
    let flags = ["--cookie-cache", "trust", "--better-auth-secret", SECRET, "--jwt-secret", SECRET];
    let app = App::with(Backend::Sqlite, &flags).await;
    let issuer = Issuer::shared();
    let mut claims = issuer.full(&content(TOKEN));
    for (name, value) in [("sub", "cached-user"), ("id", "cached-user"), ("sid", TOKEN)] {
        claims[name] = value.into();
    }
    is_rejected(&app, &issuer.ed25519.sign(&claims), "a first-party JWT with the same claims")
        .await;
    let server = AuthServer::shared();
    let account = server.sign_up("Mail", json!({})).await;
    let mailed = server.operate("verification-token", json!({"email": account.email})).await;
    is_rejected(&app, mailed["token"].as_str().unwrap(), "a mail link's token").await;
    is_rejected(&app, TOKEN, "the session token").await;
    for form in CACHE_FORMATS {
        let data = form.encode(&content(TOKEN), 60);
        is_accepted(&app, &data, "as a cookie").await;
        let answer = app.by_bearer(&data).ask("{ viewer { id } }").await;
        assert_rejected(&answer, &format!("{form:?} as a bearer token"));
        let mut full = claims.clone();
        full["exp"] = (now().timestamp() + 60).into();
        let data = form.encode_text(&full.to_string(), now().timestamp() + 60);
        let answer = app.by_bearer(&data).ask("{ viewer { id } }").await;
        assert_rejected(&answer, &format!("{form:?} as a bearer token that names us"));
        let key = app.anonymous().with_header("x-api-key", &data).ask("{ viewer { id } }").await;
        assert_rejected(&key, &format!("{form:?} as an API key"));
    }
}
