//! Session cookies and bearer session tokens: in every encoding, and with other signatures.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::identity::jwt::assert_rejected;
use crate::support::app::{App, GraphQlResponse};
use crate::support::auth_server::{AuthServer, GET_SESSION, SECRET};

const VIEWER: &str = "{ viewer { id method } }";
const OTHER_SECRET: &str = "another secret, which the auth server has never seen";

/// `TOKEN.SIGNATURE`, as an auth server with this secret writes it.
pub fn signed(token: &str, secret: &str) -> String {
    format!("{token}.{}", STANDARD.encode(signature(token, secret)))
}

fn signature(token: &str, secret: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, token.as_bytes()).as_ref().to_vec()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn plain(value: &str) -> String {
    format!("better-auth.session_token={value}")
}

fn secure(value: &str) -> String {
    format!("__Secure-better-auth.session_token={value}")
}

async fn viewer(app: &App, cookie: &str) -> Value {
    app.by_cookie(cookie).data(VIEWER).await["viewer"].clone()
}

#[tokio::test]
async fn every_cookie_encoding_is_accepted() {
    let server = AuthServer::shared();
    let account = server.sign_up("Spelt", json!({})).await;
    let value = account.signed_token();
    for flags in [&[][..], &["--better-auth-secret", SECRET]] {
        let app = server.app(flags).await;
        let quoted = [format!("\"{value}\""), format!("\"{}\"", encoded(&value))];
        for value in [account.cookie_value("session_token"), &value, &encoded(&value)] {
            let known = json!({"id": account.id, "method": "SESSION_COOKIE"});
            assert_eq!(viewer(&app, &plain(value)).await, known, "{value}");
        }
        for value in quoted {
            assert_eq!(viewer(&app, &plain(&value)).await["id"], account.id.as_str(), "{value}");
        }
    }
}

#[tokio::test]
async fn secure_cookie_with_custom_prefix_is_accepted() {
    let server = AuthServer::start(&json!({"secureCookies": true, "cookiePrefix": "shop"}));
    let account = server.sign_up("Prefix", json!({})).await;
    let value = account.cookie_value("session_token");
    let flags = ["--cookie-prefix", "shop", "--better-auth-secret", SECRET];
    let app = server.app(&flags).await;
    let name = format!("__Secure-shop.session_token={value}");
    assert_eq!(viewer(&app, &name).await["id"], account.id.as_str());
    for name in ["better-auth.session_token", "__Secure-better-auth.session_token", "session_token"]
    {
        assert_eq!(viewer(&app, &format!("{name}={value}")).await, Value::Null, "{name}");
    }
    let unmarked = app.by_cookie(&format!("shop.session_token={value}")).ask(VIEWER).await;
    assert_rejected(&unmarked, "a name that this auth server does not use");
}

/// Variants of a valid value that a client without the secret can make.
fn unsigned(good: &str) -> Vec<String> {
    let (token, tag) = good.split_once('.').unwrap();
    let bytes = signature(token, SECRET);
    let mut bad = vec![
        token.to_owned(),
        format!("{token}."),
        format!(".{tag}"),
        format!("{tag}.{token}"),
        format!("{good}x"),
        format!("{good}.{tag}"),
        format!("{token}.{}", STANDARD.encode(&bytes[..31])),
        format!("{token}.{}", STANDARD.encode([bytes.as_slice(), b"\0"].concat())),
        format!("{token}.{}", STANDARD.encode([0; 32])),
        format!("{token}.{}", STANDARD_NO_PAD.encode(&bytes)),
        format!("{token}.{}", bytes.iter().map(|it| format!("{it:02x}")).collect::<String>()),
        signed(token, OTHER_SECRET),
        signed(token, ""),
        signed("a nonexistent session", OTHER_SECRET),
    ];
    let url_safe = format!("{token}.{}", URL_SAFE.encode(&bytes));
    bad.extend((url_safe != good).then_some(url_safe));
    for at in 0..good.len() {
        let mut other = good.to_owned().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        bad.push(String::from_utf8(other).unwrap());
    }
    bad
}

#[tokio::test]
async fn wrongly_signed_cookie_is_rejected_locally() {
    let server = AuthServer::start(&json!({}));
    let account = server.sign_up("Forged", json!({})).await;
    let app = server.app(&["--better-auth-secret", SECRET]).await;
    for value in unsigned(&account.signed_token()) {
        for value in [value.replace(' ', "%20"), encoded(&value)] {
            assert_rejected(&app.by_cookie(&plain(&value)).ask(VIEWER).await, &value);
        }
    }
    assert_eq!(server.request_count(GET_SESSION).await, 0);
    assert_eq!(viewer(&app, &account.cookie).await["id"], account.id.as_str());
    assert_eq!(server.request_count(GET_SESSION).await, 1);
}

#[tokio::test]
async fn signed_but_unknown_session_is_rejected() {
    let server = AuthServer::start(&json!({}));
    let app = server.app(&["--better-auth-secret", SECRET]).await;
    let never = signed("Nn6wJ5nFm1cXo0TQv0v5V3rGf8yYk2aB", SECRET);
    assert_rejected(&app.by_cookie(&plain(&never)).ask(VIEWER).await, "a nonexistent session");
    assert_eq!(server.request_count(GET_SESSION).await, 1);
}

#[tokio::test]
async fn without_secret_signature_is_checked_upstream() {
    let server = AuthServer::start(&json!({}));
    let account = server.sign_up("Asked", json!({})).await;
    let app = server.app(&[]).await;
    let forged = signed(&account.session_token, OTHER_SECRET);
    for who in [app.by_cookie(&plain(&encoded(&forged))), app.by_bearer(&forged)] {
        assert_rejected(&who.ask(VIEWER).await, "signed with another secret");
    }
    assert_eq!(server.request_count(GET_SESSION).await, 2);
}

#[tokio::test]
async fn previous_secrets_are_accepted() {
    let (old, new) = (
        "the secret of last year which has 40 characters",
        "the secret of this year which has 40 characters",
    );
    let list = format!("2:{new},1:{old}");
    let before = AuthServer::start(&json!({ "secret": old }));
    let after = AuthServer::start(&json!({ "secrets": [format!("2:{new}"), format!("1:{old}")] }));
    let flags = ["--better-auth-secrets", list.as_str()];
    for server in [&before, &after] {
        let account = server.sign_up("Rotated", json!({})).await;
        let app = server.app(&flags).await;
        assert_eq!(viewer(&app, &account.cookie).await["id"], account.id.as_str());
        let requests = server.request_count(GET_SESSION).await;
        let foreign = plain(&encoded(&signed(&account.session_token, OTHER_SECRET)));
        assert_rejected(&app.by_cookie(&foreign).ask(VIEWER).await, "a third secret");
        assert_eq!(server.request_count(GET_SESSION).await, requests);
    }
    let account = before.sign_up("Late", json!({})).await;
    let app = before.app(&["--better-auth-secret", new]).await;
    let requests = before.request_count(GET_SESSION).await;
    assert_rejected(&app.by_cookie(&account.cookie).ask(VIEWER).await, "the old secret is removed");
    assert_eq!(before.request_count(GET_SESSION).await, requests);
}

#[tokio::test]
async fn signed_bearer_session_token_is_verified() {
    let server = AuthServer::start(&json!({}));
    let account = server.sign_up("Signed", json!({})).await;
    let app = server.app(&["--better-auth-secret", SECRET]).await;
    let good = account.signed_token();
    let percent = |text: &str| text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    for bad in unsigned(&good).iter().filter(|bad| bad.contains('.') && !bad.contains(' ')) {
        for bad in [bad, &percent(bad)] {
            assert_rejected(&app.by_bearer(bad).ask(VIEWER).await, bad);
        }
    }
    assert_eq!(server.request_count(GET_SESSION).await, 0);
    for token in [&good, &percent(&good), &account.session_token] {
        let me = app.by_bearer(token).data(VIEWER).await["viewer"].clone();
        assert_eq!(me, json!({"id": account.id, "method": "SESSION_TOKEN"}), "{token}");
    }
    assert_eq!(server.request_count(GET_SESSION).await, 3, "a bare token has nothing to check");
    assert_rejected(
        &app.by_bearer("Nn6wJ5nFm1cXo0TQv0v5V3rGf8yYk2aB").ask(VIEWER).await,
        "unknown",
    );
}

#[tokio::test]
async fn require_signature_gets_signed_bearer_token() {
    let server = AuthServer::start(&json!({"bearerRequireSignature": true}));
    let account = server.sign_up("Strict", json!({})).await;
    for flags in [&[][..], &["--better-auth-secret", SECRET]] {
        let app = server.app(flags).await;
        let me = app.by_bearer(&account.signed_token()).data(VIEWER).await;
        assert_eq!(me["viewer"]["id"], account.id.as_str());
        assert_rejected(&app.by_bearer(&account.session_token).ask(VIEWER).await, "a bare token");
    }
}

#[tokio::test]
async fn secure_cookie_wins_as_in_better_auth() {
    for is_secure in [false, true] {
        let server = AuthServer::start(&json!({ "secureCookies": is_secure }));
        let (alice, bob) =
            (server.sign_up("Alice", json!({})).await, server.sign_up("Bob", json!({})).await);
        let (used, unused) = if is_secure { (&alice, &bob) } else { (&bob, &alice) };
        let value =
            |account: &crate::support::auth_server::Account| encoded(&account.signed_token());
        let both = [secure(&value(&alice)), plain(&value(&bob))];
        for flags in [&[][..], &["--better-auth-secret", SECRET]] {
            let app = server.app(flags).await;
            for cookie in [both.join("; "), format!("{}; {}", both[1], both[0])] {
                assert_eq!(viewer(&app, &cookie).await["id"], used.id.as_str(), "{is_secure}");
            }
            let alone = if is_secure { &both[1] } else { &both[0] };
            let answer = app.by_cookie(alone).ask(VIEWER).await;
            assert_rejected(
                &answer,
                &format!("the cookie of {} under an unused name", unused.email),
            );
        }
    }
}

#[tokio::test]
async fn lookalike_cookie_names_are_ignored() {
    let server = AuthServer::shared();
    let account = server.sign_up("Looks", json!({})).await;
    let app = server.app(&[]).await;
    let value = account.cookie_value("session_token");
    for before in ["\u{a0}", "\u{2003}", "\u{3000}", "\u{85}", "\u{feff}"] {
        let cookie = format!("theme=dark; {before}{}", plain(value));
        let request = app.anonymous().request(reqwest::Method::POST, "/graphql");
        let request = request.header("cookie", cookie.into_bytes());
        let answer =
            GraphQlResponse::read(request.json(&json!({ "query": VIEWER })).send().await.unwrap());
        assert_eq!(answer.await.data()["viewer"], Value::Null, "{before:?}");
    }
    for beside in [&b"theme=\xe9; "[..], b"\xff=1; ", b"\xe9; ", b"=; "] {
        let cookie = [beside, plain(value).as_bytes()].concat();
        let request = app.anonymous().request(reqwest::Method::POST, "/graphql");
        let request = request.header("cookie", cookie).json(&json!({ "query": VIEWER }));
        let answer = GraphQlResponse::read(request.send().await.unwrap()).await;
        assert_eq!(answer.data()["viewer"]["id"], account.id.as_str(), "{beside:?}");
    }
    let long = plain(&"x".repeat(2049));
    assert_rejected(
        &app.by_cookie(&long).ask(VIEWER).await,
        "too much for the auth server's headers",
    );
    assert_rejected(&app.by_bearer(&"x".repeat(2049)).ask(VIEWER).await, "too much as well");
    let spaced = format!("theme=dark; \t {} ;", plain(value));
    assert_eq!(viewer(&app, &spaced).await["id"], account.id.as_str());
}
