//! A credential that is not accepted, because one setting is not what it should be: the doctor names
//! the check that failed, the setting, and the value.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass_data::now;
use serde_json::{Value, json};

use super::Shown::{Cookie, Nothing, Token};
use super::{AUTH_SECRET, SECRET, claims, doctor, said, signed_with, somebody, unsigned};
use crate::auth_server::AuthServer;
use crate::command_line::Process;
use crate::issuer::{Issuer, Key, serve};

const OTHER_SECRET: &str = "another-secret-than-the-auth-server-has-01";

#[tokio::test]
async fn good_credentials_are_accepted_and_say_who_it_is() {
    let (server, account) = somebody().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    let jwt = server.jwt(&account).await;
    let email = account.email.to_lowercase();
    for (shown, kind) in [
        (Token(&jwt), "a first-party JWT"),
        (Token(&account.session_token), "an opaque token"),
        (Cookie(&account.cookie), "a session cookie"),
    ] {
        let told = doctor(&settings, shown);
        told.comes_out_as("accepted", &[&account.id, &email, "tier free", "Robotics"]);
        assert_eq!(told.report["credential"]["kind"], kind);
    }
    let told = doctor(&settings, Token(&format!("Authorization: Bearer {jwt}")));
    told.comes_out_as("accepted", &[]);
    assert_eq!(told.report["credential"]["header"]["alg"], "EdDSA");
    assert_eq!(told.report["credential"]["claims"]["sub"], account.id.as_str());
    let told = doctor(&settings, Cookie(&format!("Cookie: theme=dark; {}", account.cookie)));
    told.comes_out_as("accepted", &[]);
}

#[tokio::test]
async fn no_output_holds_a_signature_a_session_token_or_a_secret() {
    let (server, account) = somebody().await;
    let jwt = server.jwt(&account).await;
    let settings = [
        ("BETTER_AUTH_URL", server.url.as_str()),
        ("BETTER_AUTH_SECRET", AUTH_SECRET),
        ("JWT_SECRET", SECRET),
        ("SSO_API_KEY", "the-key-of-this-machine"),
        ("RUST_LOG", "trace"),
    ];
    let session = json!({"token": account.session_token, "id": "s"});
    let mut cache = claims();
    cache["user"] = json!({"id": "u"});
    cache["session"] = session.clone();
    let mut nested = claims();
    nested["all"] = json!([{ "session": session, "jwt": jwt }]);
    let (cache, nested) = (signed_with(AUTH_SECRET, &cache), signed_with(SECRET, &nested));
    let signature = account.cookie.rsplit('.').next().unwrap().split(';').next().unwrap();
    let tail = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    let mut secrets = vec![account.session_token.clone(), signature.to_owned(), tail(&jwt)];
    secrets.extend([tail(&cache), tail(&nested)]);
    secrets.extend(settings[1..4].iter().map(|(_, secret)| (*secret).to_owned()));
    let shown = [
        Token(&jwt),
        Cookie(&jwt),
        Token(&account.session_token),
        Token(&account.cookie),
        Cookie(&account.cookie),
        Cookie(&account.session_token),
        Token(&cache),
        Token(&nested),
    ];
    for shown in shown.into_iter().chain([Nothing]) {
        for more in [&[][..], &["--json"]] {
            let (text, _) = said(&settings, shown, more);
            assert!(text.contains("auth server"), "{text}");
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{secret} is told: {text}");
            }
        }
    }
}

#[tokio::test]
async fn an_issuer_that_differs_by_a_slash_is_told() {
    let (server, account) = somebody().await;
    let jwt = server.jwt(&account).await;
    let slash = format!("{}/", server.url);
    let told = doctor(&[("BETTER_AUTH_URL", &server.url), ("JWT_ISSUER", &slash)], Token(&jwt));
    let fix = format!("set JWT_ISSUER={}, if", server.url);
    told.is_refused_by("issuer", &["they differ by a slash at the end", &fix]);
    let outcomes = told.report["credential"]["checks"].as_array().unwrap();
    let of = |name: &str| &outcomes.iter().find(|step| step["check"] == name).unwrap()["outcome"];
    assert_eq!(of("signature"), "held");
    assert_eq!(of("audience"), "unreached");
    assert_eq!(of("known"), "inapplicable");
}

#[tokio::test]
async fn an_issuer_by_another_name_of_the_same_machine_is_told() {
    let (server, account) = somebody().await;
    let jwt = server.jwt(&account).await;
    let named = server.url.replace("127.0.0.1", "localhost");
    let told = doctor(&[("BETTER_AUTH_URL", &named)], Token(&jwt));
    told.is_refused_by("issuer", &["localhost and 127.0.0.1", "JWT_ISSUER"]);
}

#[tokio::test]
async fn an_audience_that_is_not_accepted_is_told() {
    let (server, account) = somebody().await;
    let jwt = server.jwt(&account).await;
    let told = doctor(&[("BETTER_AUTH_URL", &server.url), ("JWT_AUDIENCE", "api")], Token(&jwt));
    let fix = format!("set JWT_AUDIENCE={}", server.url);
    told.is_refused_by("audience", &["JWT_AUDIENCE accepts \"api\"", &fix]);
}

#[test]
fn a_key_of_another_server_is_told_with_that_server() {
    let (server, other) = (AuthServer::shared(), Issuer::shared());
    let token = other.token(&json!({"sub": "somebody"}));
    let told = doctor(&[("BETTER_AUTH_URL", &server.url)], Token(&token));
    let fix = format!("set BETTER_AUTH_URL={} (or JWKS_URL)", other.url());
    told.is_refused_by(
        "key",
        &["kid \"ed\" is not in the key set, which is 0 s old and has", &fix],
    );
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_told() {
    let server = AuthServer::start(&json!({}));
    let account = server.sign_up("Old", json!({})).await;
    let old = server.jwt(&account).await;
    let control = |what: &str| crate::app::client().post(format!("{}/control/{what}", server.url));
    control("rotate-keys").json(&json!({})).send().await.unwrap();
    let fresh = server.jwt(&account).await;
    control("withdraw-keys").json(&json!({})).send().await.unwrap();
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    doctor(&settings, Token(&fresh)).comes_out_as("accepted", &[]);
    let told = doctor(&settings, Token(&old));
    told.is_refused_by("key", &["take a new one", "was removed", "JWKS_URL"]);
}

#[test]
fn a_shared_secret_that_is_another_is_told_and_so_is_one_that_nearly_fits() {
    let token = signed_with(SECRET, &claims());
    let told = |secret: &str| doctor(&[("JWT_SECRET", secret)], Token(&token));
    told(SECRET).comes_out_as("accepted", &["somebody"]);
    told(OTHER_SECRET).is_refused_by("signature", &["another secret", "copy JWT_SECRET"]);
    told(&format!("{SECRET} "))
        .is_refused_by("signature", &["JWT_SECRET", "white space around it"]);
    told(&format!("\"{SECRET}\"")).is_refused_by("signature", &["JWT_SECRET", "quotes around it"]);
    let token = signed_with(&format!("{SECRET}\n"), &claims());
    let told = doctor(&[("JWT_SECRET", SECRET)], Token(&token));
    told.is_refused_by("signature", &["line break", "write JWT_SECRET as the signer has it"]);
}

#[test]
fn an_hs256_token_without_jwt_secret_is_told() {
    let url = AuthServer::shared().url.as_str();
    let token = signed_with(SECRET, &claims());
    let told = doctor(&[("BETTER_AUTH_URL", url)], Token(&token));
    told.is_refused_by("kind", &["JWT_SECRET is not set", "EdDSA", "/api/auth/token"]);
    let settings = [("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    let told = doctor(&settings, Token(&signed_with(AUTH_SECRET, &claims())));
    told.is_refused_by("kind", &["signed with BETTER_AUTH_SECRET", "never with HS256"]);
}

#[tokio::test]
async fn a_token_by_a_key_where_only_a_shared_secret_is_set_is_told() {
    let (server, account) = somebody().await;
    let told = doctor(&[("JWT_SECRET", SECRET)], Token(&server.jwt(&account).await));
    let fix = format!("set BETTER_AUTH_URL={}", server.url);
    told.is_refused_by("kind", &["EdDSA", "JWT_SECRET", &fix, "JWKS_URL"]);
}

#[test]
fn an_algorithm_that_is_not_accepted_is_told() {
    let url = AuthServer::shared().url.as_str();
    for (algorithm, word) in
        [("RS384", "keyPairConfig"), ("none", "not signed"), ("HS512", "JWT_SECRET")]
    {
        let token = unsigned(&json!({"alg": algorithm, "kid": "a"}), &claims());
        let told = doctor(&[("BETTER_AUTH_URL", url)], Token(&token));
        told.is_refused_by(
            "algorithm",
            &[algorithm, "EdDSA, ES256, ES384, ES512, RS256 or PS256", word],
        );
    }
    let issuer = Issuer::shared();
    let header = json!({"alg": "RS256", "kid": "ed"});
    let told = doctor(&[("BETTER_AUTH_URL", issuer.url())], Token(&unsigned(&header, &claims())));
    told.is_refused_by("algorithm", &["RS256", "EdDSA", "JWKS_URL"]);
}

#[test]
fn clocks_that_differ_are_told_with_the_leeway_that_would_do() {
    let issuer = Issuer::shared();
    let settings = [("BETTER_AUTH_URL", issuer.url())];
    let at = |iat: i64, exp: i64| {
        let present = now().timestamp();
        issuer.token(&json!({"sub": "s", "iat": present + iat, "exp": present + exp}))
    };
    let told = doctor(&settings, Token(&at(60, 900)));
    told.is_refused_by("times", &["clock is", "ahead of this machine's", "set JWT_LEEWAY="]);
    doctor(&settings, Token(&at(3600, 7200))).is_refused_by("times", &["NTP", "at most 5m"]);
    let told = doctor(&settings, Token(&at(-960, -60)));
    told.is_refused_by("times", &["expired 1 min", "/api/auth/token", "15 minutes", "JWT_LEEWAY"]);
    let told = doctor(&settings, Token(&at(-9000, -8100)));
    told.is_refused_by("times", &["expired 2 h 15 min ago", "as a front end does on 401"]);
    let milliseconds = json!({"sub": "s", "iat": now().timestamp_millis()});
    let told = doctor(&settings, Token(&issuer.token(&milliseconds)));
    told.is_refused_by("times", &["`iat` is in milliseconds"]);
}

#[test]
fn tokens_of_the_provider_need_settings_of_their_own() {
    let issuer = Issuer::shared();
    let provider = format!("{}/api/auth", issuer.url());
    let id = issuer.token(&json!({"iss": provider, "sub": "s", "aud": "app-1", "nonce": "n"}));
    let claims = json!({"iss": provider, "sub": "s", "aud": ["https://api.example.com",
        format!("{provider}/oauth2/userinfo")], "client_id": "c", "scope": "openid"});
    let access = issuer.full(&claims).to_string();
    let access =
        issuer.ed25519.sign_raw(&json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}), &access);
    let told = |more: &[(&'static str, &'static str)], token: &str| {
        let settings: Vec<_> =
            [("BETTER_AUTH_URL", issuer.url())].into_iter().chain(more.iter().copied()).collect();
        doctor(&settings, Token(token))
    };
    told(&[], &id).is_refused_by("kind", &["SSO_CLIENT_ID is not set", "set SSO_CLIENT_ID=app-1"]);
    told(&[("SSO_CLIENT_ID", "app-2")], &id)
        .is_refused_by("audience", &["SSO_CLIENT_ID accepts \"app-2\"", "set SSO_CLIENT_ID=app-1"]);
    told(&[("SSO_CLIENT_ID", "app-1"), ("OIDC_ISSUER", "https://id.example.com")], &id)
        .comes_out_as("unknown", &["OIDC_ISSUER"]);
    told(&[("SSO_CLIENT_ID", "app-1")], &id).comes_out_as("accepted", &[]);
    told(&[], &access).is_refused_by(
        "kind",
        &["OAUTH_RESOURCE is not set", "set OAUTH_RESOURCE=https://api.example.com"],
    );
    told(&[("OAUTH_RESOURCE", "https://other.example")], &access)
        .is_refused_by("audience", &["OAUTH_RESOURCE=https://api.example.com"]);
    let first_party =
        issuer.token(&json!({"iss": issuer.url(), "sub": "s", "aud": "app-1", "nonce": "n"}));
    told(&[("SSO_CLIENT_ID", "app-1")], &first_party)
        .is_refused_by("issuer", &["OIDC_ISSUER", "the path"]);
}

#[tokio::test]
async fn tokens_that_are_no_login_are_told() {
    let (server, account) = somebody().await;
    let control = format!("{}/control/verification-token", server.url);
    let request = crate::app::client().post(control).json(&json!({"email": account.email}));
    let link: Value = request.send().await.unwrap().json().await.unwrap();
    let link = link["token"].as_str().unwrap();
    let url = server.url.as_str();
    let told = doctor(&[("BETTER_AUTH_URL", url)], Token(link));
    told.is_refused_by("kind", &["a link that Better Auth mails", "/api/auth/token"]);
    let same = [
        ("BETTER_AUTH_URL", url),
        ("JWT_SECRET", AUTH_SECRET),
        ("BETTER_AUTH_SECRET", AUTH_SECRET),
    ];
    let told = doctor(&same, Token(link));
    told.is_refused_by("subject", &["a link that Better Auth mails", "JWT_SECRET must not be"]);
    told.says("warning", "JWT_SECRET", &["JWT_SECRET is BETTER_AUTH_SECRET"]);
    let issuer = Issuer::shared();
    let cache = issuer.full(&json!({"session": {}, "user": {}})).to_string();
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "better-auth.session-cache+jwt"});
    let cache = issuer.ed25519.sign_raw(&header, &cache);
    let told = doctor(&[("BETTER_AUTH_URL", issuer.url())], Token(&cache));
    told.is_refused_by("kind", &["cookie cache", "COOKIE_CACHE=trust"]);
}

#[tokio::test]
async fn a_secure_cookie_at_an_http_server_is_told_and_the_other_way_round() {
    let (server, account) = somebody().await;
    let secure = account.cookie.replace("better-auth.", "__Secure-better-auth.");
    let told = doctor(&[("BETTER_AUTH_URL", &server.url)], Cookie(&secure));
    told.is_refused_by(
        "known",
        &["__Secure-better-auth.session_token", "BETTER_AUTH_URL", "https"],
    );
    let server = AuthServer::start(&json!({"secureCookies": true}));
    let account = server.sign_up("Sec", json!({})).await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    doctor(&settings, Cookie(&account.cookie)).comes_out_as("accepted", &[]);
    let told = doctor(&settings, Cookie(&account.cookie.replace("__Secure-", "")));
    told.is_refused_by("known", &["the prefix `__Secure-`", "useSecureCookies"]);
}

#[tokio::test]
async fn a_cookie_of_another_prefix_is_told() {
    let (server, account) = somebody().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("COOKIE_PREFIX", "shop")];
    let told = doctor(&settings, Cookie(&account.cookie));
    let names = "is \"better-auth.session_token\", expected \"shop.session_token\"";
    told.comes_out_as("absent", &[names, "anonymous", "set COOKIE_PREFIX=better-auth"]);
    let told = doctor(&settings[..1], Cookie("theme=dark; lang=en"));
    told.comes_out_as(
        "absent",
        &["\"theme\", \"lang\"", "better-auth.session_token", "COOKIE_PREFIX"],
    );
}

#[tokio::test]
async fn a_better_auth_secret_that_did_not_sign_the_cookie_is_told() {
    let (server, account) = somebody().await;
    let told = |secret: &str, cookie: &str| {
        doctor(&[("BETTER_AUTH_URL", &server.url), ("BETTER_AUTH_SECRET", secret)], Cookie(cookie))
    };
    told(OTHER_SECRET, &account.cookie)
        .is_refused_by("signature", &["another secret", "copy BETTER_AUTH_SECRET"]);
    told(&format!(" {AUTH_SECRET}"), &account.cookie)
        .is_refused_by("signature", &["BETTER_AUTH_SECRET", "white space"]);
    let (name, value) = account.cookie.split(';').next().unwrap().split_once('=').unwrap();
    let (token, signature) = value.split_once('.').unwrap();
    let changed = format!("{name}={}.{signature}", token.chars().rev().collect::<String>());
    told(AUTH_SECRET, &changed)
        .is_refused_by("signature", &["modified in transit", "BETTER_AUTH_SECRET is correct"]);
    told(AUTH_SECRET, &format!("{name}={token}"))
        .is_refused_by("signature", &["no signature", "dot"]);
    let twice = format!("{name}={}", value.replace('%', "%25"));
    told(AUTH_SECRET, &twice).is_refused_by("signature", &["percent-encoded twice"]);
}

#[tokio::test]
async fn a_session_that_is_over_is_told() {
    let (server, account) = somebody().await;
    server.sign_out(&account).await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    let told = doctor(&settings, Cookie(&account.cookie));
    told.is_refused_by("known", &["signed out", "sign in again", "BETTER_AUTH_URL"]);
    let told = doctor(&settings, Token(&account.session_token));
    told.is_refused_by("known", &["opaque", "if a JWT was intended", "INTROSPECTION_CLIENT_ID"]);
}

#[tokio::test]
async fn a_session_token_without_the_bearer_plugin_is_told() {
    let server = AuthServer::start(&json!({"bearer": false}));
    let account = server.sign_up("Bea", json!({})).await;
    let told = doctor(&[("BETTER_AUTH_URL", &server.url)], Token(&account.session_token));
    told.is_refused_by("known", &["add bearer()"]);
}

#[tokio::test]
async fn a_ban_is_told_with_its_end() {
    let (server, account) = somebody().await;
    server
        .set_user(&account, json!({"banned": true, "banExpires": "2999-01-01T00:00:00.000Z"}))
        .await;
    let told = doctor(&[("BETTER_AUTH_URL", &server.url)], Token(&server.jwt(&account).await));
    told.is_refused_by("ban", &["2999-01-01", "unban"]);
}

#[tokio::test]
async fn what_was_taken_back_is_told_by_whoever_shares_the_database() {
    let (server, account) = somebody().await;
    let jwt = server.jwt(&account).await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("REVOCATION_SECRET", SECRET)];
    let hallpass = Process::start(&settings);
    let body = json!({"type": "user.changed", "data": {"userId": account.id}}).to_string();
    let at = now().timestamp().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("one.{at}.{body}").as_bytes());
    let request = crate::app::client()
        .post(format!("{}/revocations", hallpass.url))
        .header("webhook-id", "one")
        .header("webhook-timestamp", at)
        .header("webhook-signature", format!("v1,{}", STANDARD.encode(tag)));
    assert_eq!(request.body(body).send().await.unwrap().status(), 204);
    let database = format!("sqlite://{}/hallpass.db", hallpass.directory.path().display());
    let settings = [settings[0], settings[1], ("DATABASE_URL", &database)];
    doctor(&settings, Token(&jwt))
        .is_refused_by("revocation", &["it was revoked", "REVOCATION_SECRET"]);
    doctor(&settings[..1], Token(&jwt)).comes_out_as("accepted", &[]);
}

#[tokio::test]
async fn where_nobody_can_tell_the_reason_is_told() {
    let (server, account) = somebody().await;
    let away = [("BETTER_AUTH_URL", "http://127.0.0.1:9")];
    let told = doctor(&away, Cookie(&account.cookie));
    told.comes_out_as(
        "unknown",
        &["no server answers there", "BETTER_AUTH_URL", "start the auth server"],
    );
    let settings =
        [("BETTER_AUTH_URL", server.url.as_str()), ("JWKS_URL", "http://127.0.0.1:9/jwks")];
    let told = doctor(&settings, Token(&server.jwt(&account).await));
    told.comes_out_as("unknown", &["JWKS_URL", "http://127.0.0.1:9/jwks"]);
}

#[test]
fn a_credential_cannot_put_words_into_the_doctors_mouth() {
    let issuer = Issuer::shared();
    let evil = "http://x\"; $(touch /tmp/x)\u{1b}[31m\u{202e}\u{9b}31m\nwrong    database";
    let token = issuer.token(&json!({"sub": "s", "iss": evil}));
    let (text, _) = said(&[("BETTER_AUTH_URL", issuer.url())], Token(&token), &[]);
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text}");
    assert!(!text.contains("JWT_ISSUER=http://x"), "nothing of it is offered as a value: {text}");
    assert!(!text.lines().any(|line| line.starts_with("wrong    database")), "{text}");
}

#[test]
fn a_token_whose_key_has_the_id_of_another_is_told() {
    let issuer = Issuer::shared();
    let forged = Key::ed25519("ed").sign(&issuer.full(&json!({"sub": "s"})));
    let told =
        doctor(&[("BETTER_AUTH_URL", issuer.url()), ("JWKS_COOLDOWN", "0s")], Token(&forged));
    told.is_refused_by("signature", &["does not match the key", "JWKS_URL"]);
    // And where the keys are not to be had, nobody can tell.
    let nothing = serve(axum::Router::new());
    let told = doctor(&[("BETTER_AUTH_URL", &nothing)], Token(&forged));
    told.comes_out_as("unknown", &["404", "JWKS_URL"]);
}
