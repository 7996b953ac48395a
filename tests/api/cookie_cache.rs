//! The cookie cache of real Better Auth servers: believed where the operator says so, and as it is.

use std::sync::OnceLock;

use hallpass_data::now;
use serde_json::{Value, json};

use crate::app::{App, Backend};
use crate::auth_server::{Account, AuthServer, GET_SESSION, SECRET};
use crate::cookies::signed;
use crate::forge::{FORMS, Form, compact, content};
use crate::identity::assert_refused;

const TRUST: [&str; 4] = ["--cookie-cache", "trust", "--better-auth-secret", SECRET];
const METHOD: &str = "{ me { id method tier roles } }";
const ALL: &str = "{ me { id email emailVerified name roles tier permissions organizationId sessionId
    impersonatedBy kind contentLevel profile { softwareBackground hardwareBackground interestArea } } }";

/// A server of each form. Nobody may break it.
fn shared(form: Form) -> &'static AuthServer {
    static SHARED: [OnceLock<AuthServer>; 4] = [const { OnceLock::new() }; 4];
    SHARED[form as usize].get_or_init(|| form.start())
}

async fn me(app: &App, cookie: &str) -> Value {
    app.by_cookie(cookie).data(METHOD).await["me"].clone()
}

/// Somebody of whom the cookie says `free` and `user`, and the auth server meanwhile says otherwise:
/// what is shown of them tells who was believed.
async fn changed_since(server: &AuthServer, name: &str, more: Value) -> Account {
    let account = server.sign_up(name, more).await;
    server.set_user(&account, json!({"tier": "premium", "role": "editor"})).await;
    account
}

fn as_cached(account: &Account) -> Value {
    json!({"id": account.id, "method": "COOKIE_CACHE", "tier": "free", "roles": ["user"]})
}

fn as_asked(account: &Account) -> Value {
    json!({"id": account.id, "method": "SESSION_COOKIE", "tier": "premium", "roles": ["editor"]})
}

fn token_and(account: &Account, data: &str) -> String {
    let token = account.cookie_value("session_token");
    format!("better-auth.session_token={token}; better-auth.session_data={data}")
}

#[tokio::test]
async fn a_trusted_cookie_cache_says_all_that_the_auth_server_would_and_nobody_is_asked() {
    for form in FORMS {
        let server = form.start();
        let learner =
            json!({"softwareBackground": "Advanced", "interestArea": "☃ \"robots\" \\ 🤖"});
        let account = server.sign_up("Cache", learner).await;
        let app = server.app(&TRUST).await;
        let who = app.by_cookie(&account.cookie);
        assert_eq!(me(&app, &account.cookie).await, as_cached(&account), "{form:?}");
        let cached = who.data(ALL).await;
        who.data("mutation { createTask(input: {title: \"Mine\"}) { id } }").await;
        let tasks = who.data("{ tasks { nodes { title } } }").await;
        assert_eq!(tasks["tasks"]["nodes"], json!([{"title": "Mine"}]), "{form:?}");
        assert_eq!(server.asked(GET_SESSION).await, 0, "{form:?}");
        let asked = server.app(&[]).await.by_cookie(&account.cookie).data(ALL).await;
        assert_eq!(cached, asked, "{form:?}");
    }
}

#[tokio::test]
async fn left_alone_the_cookie_cache_is_neither_believed_nor_passed_on() {
    for form in FORMS {
        let server = form.start();
        let account = changed_since(&server, "Off", json!({})).await;
        for (asked, flags) in [(1, &[][..]), (2, &["--better-auth-secret", SECRET])] {
            let app = server.app(flags).await;
            assert_eq!(me(&app, &account.cookie).await, as_asked(&account), "{form:?}");
            assert_eq!(server.asked(GET_SESSION).await, asked, "{form:?}");
            let last = server.last_get_session().await;
            let forwarded = last["headers"]["cookie"].as_str().unwrap();
            assert!(!forwarded.contains("session_data"), "{form:?}: {forwarded}");
        }
    }
}

#[tokio::test]
async fn without_the_secret_only_what_the_key_set_signed_is_believed() {
    for form in FORMS {
        let account = changed_since(shared(form), "Keyless", json!({})).await;
        let app = shared(form).app(&["--cookie-cache", "trust"]).await;
        let known = if form == Form::Signed { as_cached(&account) } else { as_asked(&account) };
        assert_eq!(me(&app, &account.cookie).await, known, "{form:?}");
    }
}

#[tokio::test]
async fn while_the_secret_rotates_each_of_the_list_may_have_made_a_cookie_cache() {
    let (old, new) =
        ("the secret of last year which is long", "the secret of this year which is long");
    let list = format!("2:{new},1:{old}");
    for (form, secret) in FORMS.into_iter().flat_map(|form| [(form, old), (form, new)]) {
        let mut settings = form.settings();
        settings["secret"] = secret.into();
        let server = AuthServer::start(&settings);
        let account = changed_since(&server, "Rotated", json!({})).await;
        let app = server.app(&["--cookie-cache", "trust", "--better-auth-secrets", &list]).await;
        assert_eq!(me(&app, &account.cookie).await, as_cached(&account), "{form:?}");
        let flags = ["--cookie-cache", "trust", "--better-auth-secret", SECRET];
        let stranger = server.app(&flags).await.by_cookie(&account.cookie).ask(METHOD).await;
        assert_refused(&stranger, &format!("{form:?}: a third secret signed"));
    }
}

#[tokio::test]
async fn a_cookie_cache_in_parts_is_put_together_and_only_whole() {
    for (form, is_secure) in FORMS.into_iter().flat_map(|form| [(form, false), (form, true)]) {
        let mut settings = form.settings();
        settings["secureCookies"] = is_secure.into();
        let server = AuthServer::start(&settings);
        let long = json!({"biography": "long ".repeat(1300)});
        let account = changed_since(&server, "Long", long).await;
        let (data, mut rest): (Vec<_>, Vec<_>) =
            account.cookie.split("; ").partition(|pair| pair.contains("session_data."));
        assert!(data.len() >= 3, "{form:?}: the server is as meant");
        assert_eq!(data[0].starts_with("__Secure-"), is_secure, "the server is as meant");
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
            assert_eq!(me(&app, &broken).await, as_asked(&account), "{form:?} {is_secure}");
        }
    }
}

#[tokio::test]
async fn a_cookie_cache_altered_anywhere_is_not_believed_and_the_session_is_asked_about() {
    for form in FORMS {
        let account = changed_since(shared(form), "Altered", json!({})).await;
        let app = shared(form).app(&TRUST).await;
        let data = account.cookie_value("session_data");
        assert_eq!(me(&app, &token_and(&account, data)).await, as_cached(&account), "{form:?}");
        let step = if form == Form::Compact { 1 } else { 7 };
        for at in (0..data.len()).step_by(step).chain([data.len() - 1]) {
            let mut other = data.to_owned().into_bytes();
            other[at] = if other[at] == b'A' { b'Q' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            let known = me(&app, &token_and(&account, &other)).await;
            assert_eq!(known, as_asked(&account), "{form:?}, character {at}");
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
            assert_eq!(known, as_asked(&account), "{form:?}: {other}");
        }
    }
}

#[tokio::test]
async fn a_cookie_cache_speaks_for_no_session_but_its_own() {
    for form in FORMS {
        let server = shared(form);
        let alice = changed_since(server, "Alice", json!({})).await;
        let bob = changed_since(server, "Bob", json!({})).await;
        let app = server.app(&TRUST).await;
        let mixed = token_and(&bob, alice.cookie_value("session_data"));
        assert_eq!(me(&app, &mixed).await, as_asked(&bob), "{form:?}");
        server.sign_out(&bob).await;
        let app = server.app(&TRUST).await;
        assert_refused(&app.by_cookie(&mixed).ask(METHOD).await, &format!("{form:?}"));
        let unsigned = format!(
            "better-auth.session_token={}; better-auth.session_data={}",
            alice.session_token,
            alice.cookie_value("session_data")
        );
        assert_refused(&app.by_cookie(&unsigned).ask(METHOD).await, "no signature");
    }
}

#[tokio::test]
async fn a_cookie_cache_alone_shows_nobody() {
    for form in FORMS {
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
async fn a_plain_cookie_cache_does_not_speak_where_there_is_a_secure_session() {
    for form in FORMS {
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
        assert_refused(&app.by_cookie(&held).ask(METHOD).await, &format!("{form:?}: spoiled"));
    }
}

#[tokio::test]
async fn a_cookie_cache_outlives_a_sign_out_and_nothing_longer_than_itself() {
    for form in FORMS {
        let server = shared(form);
        let account = server.sign_up("Stale", json!({})).await;
        server.sign_out(&account).await;
        let app = server.app(&TRUST).await;
        assert_eq!(me(&app, &account.cookie).await, as_cached(&account), "{form:?}: as documented");
        let bare = format!("better-auth.session_token={}", account.cookie_value("session_token"));
        assert_refused(&app.by_cookie(&bare).ask(METHOD).await, "the session itself is over");
    }
}

#[tokio::test]
async fn behind_https_only_a_cache_that_a_page_of_https_set_is_believed() {
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
    assert_eq!(plain.status, 503, "the auth server is asked, which is away here: {}", plain.body);
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
async fn stateless_session_counts_by_its_cookie_cache() {
    // The second process knows nothing but the secret, as after a restart of the first.
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
        let refused = app.by_cookie(&account.cookie).ask("{ viewer { id } }").await;
        assert_refused(&refused, "no session in any database");
    }
}
