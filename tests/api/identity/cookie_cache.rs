//! The cookie cache of real Better Auth servers: accepted only if the operator trusts it, with its own
//! content.

use std::sync::OnceLock;

use hallpass_data::now;
use serde_json::{Value, json};

use crate::identity::cookies::signed;
use crate::identity::jwt::assert_rejected;
use crate::support::app::{App, Backend};
use crate::support::auth_server::{Account, AuthServer, GET_SESSION, SECRET};
use crate::support::cookie_cache_builder::{CACHE_FORMATS, CacheFormat, compact, content};

const TRUST: [&str; 4] = ["--cookie-cache", "trust", "--better-auth-secret", SECRET];
const METHOD: &str = "{ me { id method tier roles } }";
const ALL: &str = "{ me { id email emailVerified name roles tier permissions organizationId sessionId
    impersonatedBy kind contentLevel profile { softwareBackground hardwareBackground interestArea } } }";

/// A server of each format. Tests must not change its mode.
fn shared(form: CacheFormat) -> &'static AuthServer {
    static SHARED: [OnceLock<AuthServer>; 4] = [const { OnceLock::new() }; 4];
    SHARED[form as usize].get_or_init(|| form.start())
}

async fn me(app: &App, cookie: &str) -> Value {
    app.by_cookie(cookie).data(METHOD).await["me"].clone()
}

/// An account with `free` and `user` in its cookie, and other values at the auth server: the response shows
/// which source was used.
async fn changed_since(server: &AuthServer, name: &str, more: Value) -> Account {
    let account = server.sign_up(name, more).await;
    server.set_user(&account, json!({"tier": "premium", "role": "editor"})).await;
    account
}

fn as_cached(account: &Account) -> Value {
    json!({"id": account.id, "method": "COOKIE_CACHE", "tier": "free", "roles": ["user"]})
}

fn as_validated(account: &Account) -> Value {
    json!({"id": account.id, "method": "SESSION_COOKIE", "tier": "premium", "roles": ["editor"]})
}

fn token_and(account: &Account, data: &str) -> String {
    let token = account.cookie_value("session_token");
    format!("better-auth.session_token={token}; better-auth.session_data={data}")
}

#[tokio::test]
async fn trusted_cookie_cache_equals_get_session() {
    for form in CACHE_FORMATS {
        let server = form.start();
        let learner =
            json!({"softwareBackground": "Advanced", "interestArea": "☃ \"robots\" \\ 🤖"});
        let account = server.sign_up("Cache", learner).await;
        let app = server.app(&TRUST).await;
        let who = app.by_cookie(&account.cookie);
        assert_eq!(me(&app, &account.cookie).await, as_cached(&account), "{form:?}");
        let cached = who.data(ALL).await;
        who.data("mutation { createTask(input: {title: \"Mine\"}) { task { id } } }").await;
        let tasks = who.data("{ tasks { nodes { title } } }").await;
        assert_eq!(tasks["tasks"]["nodes"], json!([{"title": "Mine"}]), "{form:?}");
        assert_eq!(server.request_count(GET_SESSION).await, 0, "{form:?}");
        let requests = server.app(&[]).await.by_cookie(&account.cookie).data(ALL).await;
        assert_eq!(cached, requests, "{form:?}");
    }
}

#[tokio::test]
async fn untrusted_cookie_cache_is_not_forwarded() {
    for form in CACHE_FORMATS {
        let server = form.start();
        let account = changed_since(&server, "Off", json!({})).await;
        for (requests, flags) in [(1, &[][..]), (2, &["--better-auth-secret", SECRET])] {
            let app = server.app(flags).await;
            assert_eq!(me(&app, &account.cookie).await, as_validated(&account), "{form:?}");
            assert_eq!(server.request_count(GET_SESSION).await, requests, "{form:?}");
            let last = server.last_get_session().await;
            let forwarded = last["headers"]["cookie"].as_str().unwrap();
            assert!(!forwarded.contains("session_data"), "{form:?}: {forwarded}");
        }
    }
}

#[tokio::test]
async fn without_secret_only_jwks_signed_is_accepted() {
    for form in CACHE_FORMATS {
        let account = changed_since(shared(form), "Keyless", json!({})).await;
        let app = shared(form).app(&["--cookie-cache", "trust"]).await;
        let known =
            if form == CacheFormat::Signed { as_cached(&account) } else { as_validated(&account) };
        assert_eq!(me(&app, &account.cookie).await, known, "{form:?}");
    }
}

#[tokio::test]
async fn previous_secrets_are_accepted() {
    let (old, new) =
        ("the secret of last year which is long", "the secret of this year which is long");
    let list = format!("2:{new},1:{old}");
    for (form, secret) in CACHE_FORMATS.into_iter().flat_map(|form| [(form, old), (form, new)]) {
        let mut settings = form.settings();
        settings["secret"] = secret.into();
        let server = AuthServer::start(&settings);
        let account = changed_since(&server, "Rotated", json!({})).await;
        let app = server.app(&["--cookie-cache", "trust", "--better-auth-secrets", &list]).await;
        assert_eq!(me(&app, &account.cookie).await, as_cached(&account), "{form:?}");
        let flags = ["--cookie-cache", "trust", "--better-auth-secret", SECRET];
        let foreign = server.app(&flags).await.by_cookie(&account.cookie).ask(METHOD).await;
        assert_rejected(&foreign, &format!("{form:?}: a third secret signed"));
    }
}

#[tokio::test]
async fn chunked_cookie_cache_is_reassembled() {
    for (form, is_secure) in
        CACHE_FORMATS.into_iter().flat_map(|form| [(form, false), (form, true)])
    {
        let mut settings = form.settings();
        settings["secureCookies"] = is_secure.into();
        let server = AuthServer::start(&settings);
        let long = json!({"biography": "long ".repeat(1300)});
        let account = changed_since(&server, "Long", long).await;
        let (data, mut rest): (Vec<_>, Vec<_>) =
            account.cookie.split("; ").partition(|pair| pair.contains("session_data."));
        assert!(data.len() >= 3, "{form:?}: the server is as meant");
        assert_eq!(
            data[0].starts_with("__Secure-"),
            is_secure,
            "the server has the intended settings"
        );
        let app = server.app(&TRUST).await;
        let rest = rest.remove(0);
        let with = |data: &[&str]| format!("{}; {rest}", data.join("; "));
        let mixed = [data[2], data[0], data[1]];
        let twice = [data[0], data[1], data[1], data[2]];
        for whole in [with(&data), with(&mixed), with(&twice)] {
            assert_eq!(me(&app, &whole).await, as_cached(&account), "{form:?} {is_secure}");
        }
        let other = server.sign_up("Other", json!({"biography": "else ".repeat(1300)})).await;
        let others = other.cookie.split("; ").find(|pair| pair.contains("_data.1")).unwrap();
        for broken in [
            with(&data[..2]),
            with(&data[1..]),
            with(&[data[0], data[2]]),
            with(&[data[0], data[1], others, data[2]]),
            with(&[data[0], others, data[2]]),
        ] {
            assert_eq!(me(&app, &broken).await, as_validated(&account), "{form:?} {is_secure}");
        }
    }
}

#[tokio::test]
async fn tampered_cache_falls_back_to_get_session() {
    for form in CACHE_FORMATS {
        let account = changed_since(shared(form), "Altered", json!({})).await;
        let app = shared(form).app(&TRUST).await;
        let data = account.cookie_value("session_data");
        assert_eq!(me(&app, &token_and(&account, data)).await, as_cached(&account), "{form:?}");
        let step = if form == CacheFormat::Compact { 1 } else { 7 };
        for at in (0..data.len()).step_by(step).chain([data.len() - 1]) {
            let mut other = data.to_owned().into_bytes();
            other[at] = if other[at] == b'A' { b'Q' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            let known = me(&app, &token_and(&account, &other)).await;
            assert_eq!(known, as_validated(&account), "{form:?}, character {at}");
        }
        let parts: Vec<_> = data.split('.').collect();
        let without = |gone: usize| {
            let kept =
                parts.iter().enumerate().map(|(at, part)| if at == gone { "" } else { part });
            kept.collect::<Vec<_>>().join(".")
        };
        let present = (0..parts.len()).filter(|at| !parts[*at].is_empty());
        let mut broken: Vec<_> = present.map(without).collect();
        broken.extend([
            format!("{data}="),
            format!("{data}."),
            format!("\"{data}\""),
            data[1..].into(),
        ]);
        for other in broken {
            let known = me(&app, &token_and(&account, &other)).await;
            assert_eq!(known, as_validated(&account), "{form:?}: {other}");
        }
    }
}

#[tokio::test]
async fn cookie_cache_is_bound_to_its_session() {
    for form in CACHE_FORMATS {
        let server = shared(form);
        let alice = changed_since(server, "Alice", json!({})).await;
        let bob = changed_since(server, "Bob", json!({})).await;
        let app = server.app(&TRUST).await;
        let mixed = token_and(&bob, alice.cookie_value("session_data"));
        assert_eq!(me(&app, &mixed).await, as_validated(&bob), "{form:?}");
        server.sign_out(&bob).await;
        let app = server.app(&TRUST).await;
        assert_rejected(&app.by_cookie(&mixed).ask(METHOD).await, &format!("{form:?}"));
        let unsigned = format!(
            "better-auth.session_token={}; better-auth.session_data={}",
            alice.session_token,
            alice.cookie_value("session_data")
        );
        assert_rejected(&app.by_cookie(&unsigned).ask(METHOD).await, "no signature");
    }
}

#[tokio::test]
async fn cookie_cache_without_session_is_ignored() {
    for form in CACHE_FORMATS {
        let account = shared(form).sign_up("Alone", json!({})).await;
        let app = shared(form).app(&TRUST).await;
        let data = account.cookie_value("session_data");
        for name in ["better-auth.session_data", "__Secure-better-auth.session_data"] {
            let answer = app.by_cookie(&format!("{name}={data}")).ask("{ viewer { id } }").await;
            assert_eq!(answer.data()["viewer"], Value::Null, "{form:?}");
        }
        let other_name = format!(
            "better-auth.session_token={}; __Secure-better-auth.session_data={data}",
            account.cookie_value("session_token")
        );
        assert_eq!(me(&app, &other_name).await["method"], "SESSION_COOKIE", "{form:?}");
    }
}

#[tokio::test]
async fn plain_cache_is_ignored_beside_secure_session() {
    for form in CACHE_FORMATS {
        let mut settings = form.settings();
        settings["secureCookies"] = true.into();
        let server = AuthServer::start(&settings);
        let victim = server.sign_up("Victim", json!({})).await;
        let sibling = server.sign_up("Sibling", json!({})).await;
        let planted = token_and(&sibling, sibling.cookie_value("session_data"));
        let token = victim.cookie_value("session_token");
        let app = server.app(&TRUST).await;
        let held = format!("{planted}; __Secure-better-auth.session_token={token}");
        let known = me(&app, &held).await;
        assert_eq!(known["id"], victim.id.as_str(), "{form:?}: a page on a sibling host set it");
        assert_eq!(known["method"], "SESSION_COOKIE", "{form:?}");
        let held = format!("{planted}; __Secure-better-auth.session_token={token}x");
        assert_rejected(&app.by_cookie(&held).ask(METHOD).await, &format!("{form:?}: spoiled"));
    }
}

#[tokio::test]
async fn cookie_cache_outlives_sign_out() {
    for form in CACHE_FORMATS {
        let server = shared(form);
        let account = server.sign_up("Stale", json!({})).await;
        server.sign_out(&account).await;
        let app = server.app(&TRUST).await;
        assert_eq!(me(&app, &account.cookie).await, as_cached(&account), "{form:?}: as documented");
        let bare = format!("better-auth.session_token={}", account.cookie_value("session_token"));
        assert_rejected(&app.by_cookie(&bare).ask(METHOD).await, "the session itself is over");
    }
}

#[tokio::test]
async fn https_requires_secure_cookie_cache() {
    let flags = ["--better-auth-url", "https://127.0.0.1:9", "--better-auth-secret", SECRET];
    let flags = [&flags[..], &["--cookie-cache", "trust"]].concat();
    let app = App::configured(Backend::Sqlite, &flags).await;
    let token = "Nn6wJ5nFm1cXo0TQv0v5V3rGf8yYk2aB";
    let expires = (now().timestamp() + 60) * 1000;
    let data = compact(&content(token).to_string(), expires, SECRET);
    let pair = |prefix: &str| {
        let signed = signed(token, SECRET);
        format!(
            "{prefix}better-auth.session_token={signed}; {prefix}better-auth.session_data={data}"
        )
    };
    assert_eq!(me(&app, &pair("__Secure-")).await["method"], "COOKIE_CACHE");
    let plain = app.by_cookie(&pair("")).ask(METHOD).await;
    assert_eq!(plain.status, 503, "the auth server is unreachable here: {}", plain.body);
}

#[tokio::test]
async fn cookie_cache_of_other_version_is_ignored() {
    for form in
        [json!({"strategy": "compact"}), json!({"strategy": "jwt"}), json!({"strategy": "jwe"})]
    {
        let mut settings = form;
        settings["version"] = "7".into();
        let server = AuthServer::start(&json!({ "cookieCache": settings }));
        let account = server.sign_up("Version", json!({})).await;
        for (flags, method) in [
            (&[][..], "COOKIE_CACHE"),
            (&["--cookie-cache-version", "7"], "COOKIE_CACHE"),
            (&["--cookie-cache-version", "1"], "SESSION_COOKIE"),
        ] {
            let trust = ["--cookie-cache", "trust", "--better-auth-secret", SECRET];
            let app = server.app(&[&trust[..], flags].concat()).await;
            let viewer = app.by_cookie(&account.cookie).data("{ viewer { method } }").await;
            assert_eq!(viewer["viewer"]["method"], method, "{settings} {flags:?}");
        }
    }
}

#[tokio::test]
async fn stateless_session_needs_trusted_cookie_cache() {
    // The second process shares only the secret, as after a restart of the first.
    let first = AuthServer::start(&json!({"stateless": true}));
    let second = AuthServer::start(&json!({"stateless": true}));
    let account = first.sign_up("Stateless", json!({})).await;
    assert!(account.cookie.contains("session_data"), "the cache is all there is");
    let trust = ["--cookie-cache", "trust", "--better-auth-secret", SECRET];
    let app = second.app(&trust).await;
    let viewer = app.by_cookie(&account.cookie).data("{ viewer { id method } }").await;
    assert_eq!(viewer["viewer"], json!({"id": account.id, "method": "COOKIE_CACHE"}));
    for flags in [vec![], [&trust[..], &["--cookie-cache-version", "2"]].concat()] {
        let app = second.app(&flags).await;
        let rejected = app.by_cookie(&account.cookie).ask("{ viewer { id } }").await;
        assert_rejected(&rejected, "no session in any database");
    }
}
