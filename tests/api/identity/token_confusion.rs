//! Token confusion: one kind of token is never accepted as another, each token has one reading, and a cached
//! verdict applies to its own token only.

use hallpass_data::now;
use serde_json::{Value, json};

use crate::identity::jwt::{ask, assert_rejected};
use crate::support::app::{App, Backend};
use crate::support::auth_server::{AuthServer, GET_SESSION, SECRET};
use crate::support::callers::alice;
use crate::support::cookie_cache_builder::{SIGNED_TYPE, hs256};
use crate::support::issuer::Issuer;

const EVERYTHING: [&str; 10] = [
    "--jwt-secret",
    "a shared secret of more than thirty-two bytes",
    "--better-auth-secret",
    SECRET,
    "--cookie-cache",
    "trust",
    "--oauth-resource",
    "resource",
    "--sso-client-id",
    "client",
];

/// A kind of token: its header's type, its claims, and the method it is accepted as.
struct Kind {
    name: &'static str,
    typ: Option<&'static str>,
    claims: Value,
    accepted: Option<&'static str>,
}

/// Valid tokens of every kind, signed by one key of one server.
fn kinds() -> Vec<Kind> {
    let issuer = Issuer::shared();
    let provider = format!("{}/api/auth", issuer.url());
    let with = |claims: Value| issuer.full(&claims);
    let kind = |name, typ, claims, accepted| Kind { name, typ, claims, accepted };
    let session =
        json!({"id": "s", "token": "t", "userId": "u", "expiresAt": "2999-01-01T00:00:00Z"});
    let cache = json!({"aud": "better-auth:session-cache", "sub": "u", "sid": "t",
        "user": {"id": "u"}, "session": session, "updatedAt": 1});
    vec![
        kind(
            "first-party",
            None,
            with(json!({"sub": "u", "email": "u@example.test"})),
            Some("JWT"),
        ),
        kind(
            "access",
            Some("at+jwt"),
            with(json!({"sub": "u", "iss": provider, "aud": "resource", "client_id": "client",
                "azp": "client", "scope": "openid", "sid": "s"})),
            Some("ACCESS_TOKEN"),
        ),
        kind(
            "id",
            None,
            with(
                json!({"sub": "u", "iss": provider, "aud": "client", "nonce": "n", "at_hash": "h"}),
            ),
            Some("ID_TOKEN"),
        ),
        kind("cookie cache", Some(SIGNED_TYPE), with(cache), None),
        kind(
            "logout",
            Some("logout+jwt"),
            with(json!({"sub": "u", "iss": provider, "aud": "client", "sid": "s",
                "events": {"http://schemas.openid.net/event/backchannel-logout": {}}})),
            None,
        ),
    ]
}

fn sign(typ: Option<&str>, claims: &Value) -> String {
    let mut header = json!({"alg": "EdDSA", "kid": "ed"});
    if let Some(typ) = typ {
        header["typ"] = typ.into();
    }
    Issuer::shared().ed25519.sign_raw(&header, &claims.to_string())
}

#[tokio::test]
async fn token_types_are_not_interchangeable() {
    let app = App::with(Backend::Sqlite, &EVERYTHING).await;
    for kind in kinds() {
        let good = ask(&app, &sign(kind.typ, &kind.claims)).await;
        let method =
            app.by_bearer(&sign(kind.typ, &kind.claims)).ask("{ viewer { method } }").await;
        match kind.accepted {
            Some(accepted) => {
                assert_eq!(method.body["data"]["viewer"]["method"], accepted, "{}", kind.name);
            }
            None => assert_rejected(&good, kind.name),
        }
        for other in kinds().into_iter().filter(|other| other.name != kind.name) {
            let what = format!("{} token, with one thing of {} token", kind.name, other.name);
            if other.typ != kind.typ {
                assert_rejected(&ask(&app, &sign(other.typ, &kind.claims)).await, &what);
            }
            for claim in ["iss", "aud"] {
                if other.claims[claim] != kind.claims[claim] {
                    let mut claims = kind.claims.clone();
                    claims[claim] = other.claims[claim].clone();
                    let answer = ask(&app, &sign(kind.typ, &claims)).await;
                    assert_rejected(&answer, &format!("{what}: {claim}"));
                }
            }
        }
        let by_secret = hs256(r#"{"alg":"HS256"}"#, &kind.claims.to_string(), EVERYTHING[1]);
        let answer = ask(&app, &by_secret).await;
        let is_our_own = kind.name == "first-party";
        assert_eq!(answer.status == 200, is_our_own, "{} token by the shared secret", kind.name);
        let by_auth_secret = hs256(r#"{"alg":"HS256"}"#, &kind.claims.to_string(), SECRET);
        assert_rejected(&ask(&app, &by_auth_secret).await, "signed with the auth server's secret");
    }
}

#[tokio::test]
async fn email_link_token_is_rejected() {
    let server = AuthServer::shared();
    let account = server.sign_up("Mailed", json!({})).await;
    let mailed = server.operate("verification-token", json!({"email": account.email})).await;
    let token = mailed["token"].as_str().unwrap();
    let flags = ["--jwt-secret", SECRET];
    let beside = server.app(&[&flags[..], &["--better-auth-secret", SECRET]].concat()).await;
    let alone = App::configured(Backend::Sqlite, &flags).await;
    for app in [&beside, &alone] {
        assert_rejected(&ask(app, token).await, "a mail link's token");
    }
    let exp = now().timestamp() + 60;
    let own = json!({"email": "x@example.test", "exp": exp, "sub": "u"});
    let viewer = alone.by_bearer(&hs256(r#"{"alg":"HS256"}"#, &own.to_string(), SECRET));
    let viewer = viewer.data("{ viewer { id method email } }").await["viewer"].clone();
    let known = json!({"id": "u", "method": "SHARED_SECRET", "email": "x@example.test"});
    assert_eq!(viewer, known, "the secret is accepted");
}

#[tokio::test]
async fn id_token_by_client_secret_is_rejected() {
    let server = AuthServer::start(&json!({"oauth": {"disableJwtPlugin": true}}));
    let account = server.sign_up("Hs", json!({})).await;
    let client = server.oauth_client(json!({})).await;
    let wanted = json!({"scope": "openid", "nonce": "n"});
    let tokens = server.oauth_login(&account, &client, wanted).await;
    let id = tokens["id_token"].as_str().unwrap();
    for flags in [
        &["--sso-client-id", &client.id][..],
        &["--jwt-secret", &client.secret],
        &["--jwt-secret", &client.secret, "--sso-client-id", &client.id],
    ] {
        assert_rejected(&ask(&server.app(flags).await, id).await, "by the client's secret");
    }
    let alone = App::configured(Backend::Sqlite, &["--jwt-secret", &client.secret]).await;
    assert_rejected(&ask(&alone, id).await, "its audience is the client");
}

#[tokio::test]
async fn duplicate_json_members_are_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let issuer = Issuer::shared();
    let header = r#"{"alg":"EdDSA","kid":"ed"}"#;
    let claims = issuer.full(&alice().claims()).to_string();
    let open = claims.strip_prefix('{').unwrap();
    assert_eq!(ask(&app, &issuer.ed25519.sign_text(header, &claims)).await.status, 200);
    for twice in [
        r#"{"alg":"EdDSA","alg":"EdDSA","kid":"ed"}"#,
        r#"{"alg":"none","kid":"ed","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","kid":"other","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":"at+jwt","typ":"JWT"}"#,
        r#"{"alg":"EdDSA","k\u0069d":"other","kid":"ed"}"#,
    ] {
        assert_rejected(&ask(&app, &issuer.ed25519.sign_text(twice, &claims)).await, twice);
    }
    for member in [r#""sub":"mallory""#, r#""su\u0062":"mallory""#, r#""exp":1"#, r#""aud":"x""#] {
        for payload in
            [format!("{{{member},{open}"), format!("{},{member}}}", &claims[..claims.len() - 1])]
        {
            assert_rejected(&ask(&app, &issuer.ed25519.sign_text(header, &payload)).await, member);
        }
    }
    let inside = format!("{},\"x\":[{{\"a\":1,\"a\":2}}]}}", &claims[..claims.len() - 1]);
    assert_rejected(&ask(&app, &issuer.ed25519.sign_text(header, &inside)).await, &inside);
    let name = r#"{"sub":"u","x":{"a":1},"x":{"a":2},"exp":9999999999}"#;
    assert_rejected(&ask(&app, &issuer.ed25519.sign_text(header, name)).await, name);
}

#[tokio::test]
async fn jwe_and_nested_jwt_headers_are_rejected() {
    let app = App::with(Backend::Sqlite, &EVERYTHING).await;
    let issuer = Issuer::shared();
    let claims = issuer.full(&alice().claims()).to_string();
    for (member, value) in [
        ("enc", json!("A256GCM")),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("p2c", json!(1_000_000_000)),
        ("p2s", json!("AAAA")),
        ("epk", json!({})),
        ("crit", json!(["zip"])),
        ("b64", json!(true)),
        ("zip", Value::Null),
    ] {
        let mut header = json!({"alg": "EdDSA", "kid": "ed"});
        header[member] = value.clone();
        let what = format!("{member}: {value}");
        assert_rejected(&ask(&app, &issuer.ed25519.sign_raw(&header, &claims)).await, &what);
        let by_secret = json!({"alg": "HS256", member: value}).to_string();
        assert_rejected(&ask(&app, &hs256(&by_secret, &claims, EVERYTHING[1])).await, &what);
    }
}

/// `good`, with one character replaced, for each character.
fn neighbours(good: &str) -> Vec<String> {
    let replaced = |(at, character): (usize, char)| {
        let other = match character {
            'a'..='z' => character.to_ascii_uppercase(),
            'A'..='Z' => character.to_ascii_lowercase(),
            '9' => '0',
            '0'..='8' => char::from(character as u8 + 1),
            _ => 'x',
        };
        format!("{}{other}{}", &good[..at], &good[at + 1..])
    };
    good.char_indices().map(replaced).collect()
}

#[tokio::test]
async fn verdict_cache_key_covers_the_whole_token() {
    let app = App::with(Backend::Sqlite, &EVERYTHING).await;
    let issuer = Issuer::shared();
    let claims = issuer.full(&alice().claims());
    let by_secret = hs256(r#"{"alg":"HS256"}"#, &claims.to_string(), EVERYTHING[1]);
    for good in [issuer.ed25519.sign(&claims), by_secret] {
        assert_eq!(ask(&app, &good).await.status, 200);
        let others = neighbours(&good);
        assert!(others.len() > 300, "several hundred: {}", others.len());
        for others in others.chunks(16) {
            let requests = others.iter().map(|other| ask(&app, other));
            let answers = futures_util::future::join_all(requests).await;
            for (answer, other) in answers.iter().zip(others) {
                assert_rejected(answer, other);
            }
        }
        for more in [format!("{good}A"), good[..good.len() - 1].to_owned()] {
            assert_rejected(&ask(&app, &more).await, "a character more or less");
        }
        assert_eq!(ask(&app, &good).await.status, 200, "it is still good");
    }
}

#[tokio::test]
async fn verdict_cache_is_per_session_and_scheme() {
    let server = AuthServer::start(&json!({"apiKeys": true}));
    let account = server.sign_up("Near", json!({})).await;
    let app = server.app(&["--session-cache-ttl", "5m"]).await;
    let token = &account.session_token;
    app.by_bearer(token).data("{ me { id } }").await;
    app.by_cookie(&account.cookie).data("{ me { id } }").await;
    for other in neighbours(token) {
        assert_rejected(&ask(&app, &other).await, "a neighbour");
        let cookie = account.cookie.replace(token.as_str(), &other);
        assert_rejected(&app.by_cookie(&cookie).ask("{ me { id } }").await, "its cookie");
    }
    for elsewhere in [
        app.anonymous().with_header("x-api-key", token),
        app.by_cookie(&format!("better-auth.session_token={token}")),
    ] {
        assert_rejected(
            &elsewhere.ask("{ me { id } }").await,
            "it was presented as a bearer token",
        );
    }
    let requests = server.request_count(GET_SESSION).await;
    app.by_bearer(token).data("{ me { id } }").await;
    assert_eq!(server.request_count(GET_SESSION).await, requests, "it is still cached");
}
