//! A WebSocket is an entry point like any other: the same rules apply to its caller, for as long as the
//! credential is valid.

use std::time::{Duration, Instant};

use hallpass_data::now;
use serde_json::{Value, json};

use crate::identity::revocation::{Push, SECRET, with_push};
use crate::support::app::{App, Backend};
use crate::support::auth_server::AuthServer;
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::socket::{ReceivedEvent, Socket};

fn token_of(caller: &hallpass::testing::User) -> String {
    let token = Issuer::shared().token(&caller.claims());
    crate::support::secret_log::forbid_in_log(&token);
    token
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Tokens that must be rejected, with the reason.
fn forged_tokens() -> Vec<(&'static str, String)> {
    let issuer = Issuer::shared();
    let good = token_of(&alice());
    let claims = |name: &str, value: Value| token_of(&alice().with(name, value));
    let parts: Vec<_> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let foreign = crate::support::issuer::Key::ed25519("ed").sign(&issuer.full(&alice().claims()));
    let unsigned = json!({"alg": "none", "kid": "ed"});
    let raw = |header: Value| {
        issuer.ed25519.sign_raw(&header, &issuer.full(&alice().claims()).to_string())
    };
    vec![
        ("nothing", String::new()),
        ("a word", "token".to_owned()),
        ("the word of a client without one", "undefined".to_owned()),
        ("two parts", format!("{header}.{payload}")),
        ("no signature", format!("{header}.{payload}.")),
        ("four parts", format!("{good}.{signature}")),
        (
            "another's payload",
            format!("{header}.{}.{signature}", token_of(&bob()).split('.').nth(1).unwrap()),
        ),
        ("another's signature", foreign),
        (
            "alg none",
            format!("{}.", issuer.ed25519.sign_raw(&unsigned, "{}").rsplit_once('.').unwrap().0),
        ),
        ("an unknown key", raw(json!({"alg": "EdDSA", "kid": "unknown"}))),
        ("another algorithm", raw(json!({"alg": "HS256", "kid": "ed"}))),
        ("an unknown crit", raw(json!({"alg": "EdDSA", "kid": "ed", "crit": ["x"], "x": 1}))),
        ("an embedded key", raw(json!({"alg": "EdDSA", "jwk": issuer.ed25519.public}))),
        ("expired", claims("exp", (now().timestamp() - 60).into())),
        ("not yet valid", claims("nbf", (now().timestamp() + 600).into())),
        ("a foreign issuer", claims("iss", "https://evil.example".into())),
        ("a foreign audience", claims("aud", "https://evil.example".into())),
        ("no subject", claims("sub", Value::Null)),
        ("banned", claims("banned", true.into())),
        ("a line break", format!("{good}\r\nx-api-key: y")),
        ("a NUL", format!("{good}\0")),
        ("two tokens", format!("{good} {good}")),
        ("two tokens with a comma", format!("{good}, Bearer {good}")),
    ]
}

fn assert_rejected(received: &ReceivedEvent, what: &str) {
    match received {
        ReceivedEvent::Closed(4401, reason) => {
            assert!(reason.contains("rejected"), "{what}: {reason}")
        }
        // It was valid once: clients reconnect with a new one.
        ReceivedEvent::Closed(4403, _) if what == "expired" => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn forged_tokens_are_rejected_everywhere() {
    let app = App::start(Backend::Sqlite).await;
    let mut cases = 0;
    for (what, token) in forged_tokens() {
        for payload in [
            json!({"authorization": bearer(&token)}),
            json!({"Authorization": format!("bearer {token}")}),
            json!({"x-api-key": if token.is_empty() { "?" } else { &token }}),
            json!({"authorization": bearer(&token), "x-api-key": token}),
            json!({"authorization": bearer(&token), "Authorization": bearer(&token_of(&alice()))}),
        ] {
            let mut socket = Socket::open(&app, &[]).await.unwrap();
            assert_rejected(&socket.connection_init(payload).await, what);
            cases += 1;
        }
        let is_header = token.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        for name in ["authorization", "x-api-key"].into_iter().filter(|_| is_header) {
            if token.is_empty() && name == "x-api-key" {
                continue; // an empty header shows nothing
            }
            let shown = if name == "authorization" { bearer(&token) } else { token.clone() };
            for good in [false, true] {
                let mut socket = Socket::open(&app, &[(name, &shown)]).await.unwrap();
                let payload = match good {
                    // Valid alone; but two credentials of one kind are rejected.
                    true if name == "authorization" => json!({name: bearer(&token_of(&alice()))}),
                    true => json!({name: "another"}),
                    false => json!({}),
                };
                assert_rejected(&socket.connection_init(payload).await, what);
                cases += 1;
            }
        }
    }
    for odd in [json!(true), json!(5), json!(["Bearer x"]), json!({"token": "x"}), json!("Bearer")]
    {
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        assert_rejected(&socket.connection_init(json!({"authorization": odd})).await, "no text");
        cases += 1;
    }
    assert!(cases > 185, "only {cases} cases");
}

#[tokio::test]
async fn handshake_and_payload_credentials_are_merged() {
    let server = AuthServer::shared();
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &server.url]).await;
    let account = server.sign_up("Together", json!({})).await;
    let token = server.jwt(&account).await;
    let good = bearer(&token);
    let cookie = account.cookie.as_str();
    [&token, cookie].iter().for_each(|secret| crate::support::secret_log::forbid_in_log(secret));
    let bad_cookie = "better-auth.session_token=forged";
    for (handshake, payload, accepted) in [
        (vec![("authorization", good.as_str())], json!({}), true),
        (vec![("cookie", cookie)], json!({}), true),
        (vec![], json!({"authorization": account.session_token, "x": 1}), false),
        (vec![], json!({"authorization": bearer(&account.session_token)}), true),
        (vec![("cookie", bad_cookie)], json!({}), false),
        (vec![("cookie", bad_cookie)], json!({"authorization": good}), true),
        (vec![("cookie", cookie)], json!({"authorization": "Bearer forged"}), false),
        (vec![("authorization", "Bearer forged")], json!({"authorization": good}), false),
        (vec![("authorization", good.as_str())], json!({"authorization": good}), false),
        (vec![("authorization", good.as_str())], json!({"authorization": null}), true),
        (vec![("x-api-key", "forged")], json!({"authorization": good}), true),
        (vec![("authorization", "Bearer forged")], json!({"x-api-key": "x"}), false),
    ] {
        let mut socket = Socket::open(&app, &handshake).await.unwrap();
        let received = socket.connection_init(payload.clone()).await;
        if !accepted {
            assert_rejected(&received, &format!("{handshake:?} {payload}"));
            continue;
        }
        assert!(received.is_ack(), "{payload}: {received:?}");
        socket.execute("1", "{ viewer { name } }").await;
        assert_eq!(socket.next_message().await["payload"]["data"]["viewer"]["name"], "Together");
    }
}

#[tokio::test]
async fn cross_origin_websocket_is_rejected() {
    let app = App::with(Backend::Sqlite, &["--allowed-origins", "https://app.example"]).await;
    let own = app.url.clone();
    for (origin, cookie, status) in [
        ("https://evil.example", false, Some(403)),
        ("https://evil.example", true, Some(403)),
        ("https://app.example.evil.example", false, Some(403)),
        ("http://app.example", true, Some(403)),
        ("null", false, Some(403)),
        ("https://app.example", true, None),
        (own.as_str(), true, None),
    ] {
        let mut headers = vec![("origin", origin)];
        headers.extend(cookie.then_some(("cookie", "better-auth.session_token=x.y")));
        assert_eq!(Socket::open(&app, &headers).await.err(), status, "{origin}");
    }
    let across = [("sec-fetch-site", "cross-site")];
    assert_eq!(Socket::open(&app, &across).await.err(), Some(403));
}

#[tokio::test]
async fn credential_under_another_name_is_refused() {
    let app = App::with(Backend::Sqlite, &["--session-cookie", "sid"]).await;
    let token = token_of(&alice());
    for name in [
        "token",
        "authToken",
        "access_token",
        "accessToken",
        "Auth-Token",
        "X-Access-Token",
        "jwt",
        "Bearer",
        "apiKey",
        "cookie",
        "Cookies",
        "session-cookie",
        "sid",
        "__Secure-sid",
    ] {
        for payload in [json!({name: token}), json!({"headers": {name: token}})] {
            let mut socket = Socket::open(&app, &[]).await.unwrap();
            let ReceivedEvent::Closed(code, reason) = socket.connection_init(payload).await else {
                panic!("{name}: the caller is anonymous")
            };
            assert_eq!(code, 4400);
            assert!(reason.contains(name) && reason.contains("authorization"), "{reason}");
        }
    }
    for other in [
        json!({"tokens": 3}),
        json!({"headers": {"x-client": "web"}}),
        json!({"cookie": null, "token": ""}),
        json!({"headers": {"cookie": " "}}),
    ] {
        let mut socket = Socket::open(&app, &[]).await.unwrap();
        let received = socket.connection_init(other.clone()).await;
        assert_eq!(received, ReceivedEvent::Message(json!({"type": "connection_ack"})), "{other}");
    }
}

#[tokio::test]
async fn headers_in_the_payload_authenticate() {
    let app = App::start(Backend::Sqlite).await;
    let expires = now().timestamp() + 60;
    let token = token_of(&alice().with("exp", expires));
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    let headers =
        json!({"headers": {"Authorization": format!("Bearer {token}"), "x-client": "web"}});
    let ReceivedEvent::Message(ack) = socket.connection_init(headers).await else {
        panic!("closed")
    };
    let until = ack["payload"]["expiresAt"].as_str().unwrap();
    let until = chrono::DateTime::parse_from_rfc3339(until).unwrap().timestamp();
    assert!((expires..=expires + 60).contains(&until), "{ack}");
    socket.execute("1", "{ viewer { id } }").await;
    assert_eq!(socket.next_message().await["payload"]["data"]["viewer"]["id"], alice().id());
    let both = json!({"authorization": format!("Bearer {token}"), "headers": {"authorization": "Bearer x"}});
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    assert_rejected(&socket.connection_init(both).await, "two credentials");
}

#[tokio::test]
async fn expired_token_at_the_start_closes_4403() {
    let app = App::start(Backend::Sqlite).await;
    let expired = token_of(&alice().with("exp", now().timestamp() - 60));
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    let shown = json!({"authorization": format!("Bearer {expired}")});
    let received = socket.connection_init(shown).await;
    assert!(matches!(received, ReceivedEvent::Closed(4403, _)), "{received:?}");
    // Without its signature it was never valid.
    let forged = format!("{}x", expired);
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    let shown = json!({"authorization": format!("Bearer {forged}")});
    assert_rejected(&socket.connection_init(shown).await, "forged");
}

#[tokio::test]
async fn expired_token_closes_4403() {
    let app = App::start(Backend::Sqlite).await;
    let expires = now().timestamp() + 3;
    let mut socket = Socket::by_bearer(&app, &token_of(&alice().with("exp", expires))).await;
    socket.subscribe_to_tasks("1", &app.by_jwt(&alice())).await;
    let ReceivedEvent::Closed(code, reason) = socket.recv().await else { panic!("it stays open") };
    assert_eq!(code, 4403);
    assert!(reason.contains("expired"), "{reason}");
    let late = now().timestamp_millis() - expires * 1000;
    assert!((0..2000).contains(&late), "closed {late} ms after the token expired");
}

#[tokio::test]
async fn revocation_closes_only_that_users_socket() {
    let app = App::with(Backend::Sqlite, &["--revocation-secret", SECRET]).await;
    let mut alices = Socket::by_bearer(&app, &token_of(&alice())).await;
    let mut bobs = Socket::by_bearer(&app, &token_of(&bob())).await;
    let bobs_token = token_of(&bob());
    bobs.subscribe_to_tasks("1", &app.by_bearer(&bobs_token)).await;
    let began = Instant::now();
    assert_eq!(Push::user(alice().id()).to(&app).await, 204);
    assert_eq!(alices.close_code().await, 4401);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let make = "mutation { createTask(input: {title: \"Still here\"}) { task { id } } }";
    app.by_bearer(&bobs_token).data(make).await;
    assert_eq!(bobs.next_task_event().await, ("CREATED".to_owned(), json!("Still here")));
}

#[tokio::test]
async fn role_change_closes_1013() {
    let (server, app) = with_push(Backend::Sqlite).await;
    let account = server.sign_up("Promoted", json!({})).await;
    let cookie = [("cookie", account.cookie.as_str())];
    let mut before = Socket::open(&app, &cookie).await.unwrap();
    before.connection_init(json!({})).await;
    server.set_user(&account, json!({"role": "admin", "hooks": true})).await;
    let ReceivedEvent::Closed(code, reason) = before.recv().await else { panic!("it stays open") };
    assert_eq!((code, reason.as_str()), (1013, "Your permissions have changed: reconnect."));
    let mut after = Socket::open(&app, &cookie).await.unwrap();
    after.connection_init(json!({})).await;
    after.execute("1", "{ viewer { roles } }").await;
    let roles = &after.next_message().await["payload"]["data"]["viewer"]["roles"];
    assert_eq!(*roles, json!(["admin"]));
}

#[tokio::test]
async fn unpushed_sign_out_closes_within_the_ttl() {
    let server = AuthServer::shared();
    let flags = ["--better-auth-url", server.url.as_str(), "--session-cache-ttl", "1s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let account = server.sign_up("Socket", json!({})).await;
    crate::support::secret_log::forbid_in_log(&account.cookie);
    let mut socket = Socket::open(&app, &[("cookie", &account.cookie)]).await.unwrap();
    let ack = socket.connection_init(json!({})).await;
    assert!(ack.is_ack(), "{ack:?}");
    server.sign_out(&account).await;
    let began = Instant::now();
    assert_eq!(socket.close_code().await, 4401);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn changed_session_closes_1013() {
    let (server, app) = with_push(Backend::Sqlite).await;
    let account = server.sign_up("Pushed", json!({})).await;
    let mut socket = Socket::open(&app, &[("cookie", &account.cookie)]).await.unwrap();
    socket.connection_init(json!({})).await;
    assert_eq!(Push::user(&account.id).to(&app).await, 204);
    assert_eq!(socket.close_code().await, 1013);
}

#[tokio::test]
async fn unpushed_role_change_closes_within_the_ttl() {
    let server = AuthServer::shared();
    let flags = ["--better-auth-url", server.url.as_str(), "--session-cache-ttl", "1s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let account = server.sign_up("Promoted", json!({})).await;
    let mut socket = Socket::open(&app, &[("cookie", &account.cookie)]).await.unwrap();
    socket.connection_init(json!({})).await;
    server.set_user(&account, json!({"role": "admin"})).await;
    let began = Instant::now();
    assert_eq!(socket.close_code().await, 1013);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn auth_server_down_closes_1013() {
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", "http://127.0.0.1:9"]).await;
    let mut socket = Socket::open(&app, &[]).await.unwrap();
    let received =
        socket.connection_init(json!({"authorization": "Bearer some-session-token"})).await;
    assert!(matches!(received, ReceivedEvent::Closed(1013, _)), "{received:?}");
    Socket::anonymous(&app).await;
}
