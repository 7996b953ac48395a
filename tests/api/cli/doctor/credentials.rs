//! A credential that is rejected because one setting is wrong: the doctor reports the failed check, the
//! setting, and the value.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hallpass_data::now;
use serde_json::{Value, json};

use super::PresentedAs::{Cookie, Nothing, Token};
use super::{
    AUTH_SECRET, SECRET, claims, doctor, run_doctor, signed_up_account, signed_with, unsigned,
};
use crate::cli::commands::Process;
use crate::support::auth_server::AuthServer;
use crate::support::issuer::{Issuer, Key, serve};

const OTHER_SECRET: &str = "another-secret-than-the-auth-server-has-01";

#[tokio::test]
async fn valid_credentials_report_the_caller() {
    let (server, account) = signed_up_account().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    let jwt = server.jwt(&account).await;
    let email = account.email.to_lowercase();
    for (presented, kind) in [
        (Token(&jwt), "a first-party JWT"),
        (Token(&account.session_token), "an opaque token"),
        (Cookie(&account.cookie), "a session cookie"),
    ] {
        let run = doctor(&settings, presented);
        run.has_verdict("accepted", &[&account.id, &email, "tier free", "Robotics"]);
        assert_eq!(run.report["credential"]["kind"], kind);
    }
    let run = doctor(&settings, Token(&format!("Authorization: Bearer {jwt}")));
    run.has_verdict("accepted", &[]);
    assert_eq!(run.report["credential"]["header"]["alg"], "EdDSA");
    assert_eq!(run.report["credential"]["claims"]["sub"], account.id.as_str());
    let run = doctor(&settings, Cookie(&format!("Cookie: theme=dark; {}", account.cookie)));
    run.has_verdict("accepted", &[]);
}

#[tokio::test]
async fn report_has_no_signature_token_or_secret() {
    let (server, account) = signed_up_account().await;
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
    let presented = [
        Token(&jwt),
        Cookie(&jwt),
        Token(&account.session_token),
        Token(&account.cookie),
        Cookie(&account.cookie),
        Cookie(&account.session_token),
        Token(&cache),
        Token(&nested),
    ];
    for presented in presented.into_iter().chain([Nothing]) {
        for more in [&[][..], &["--json"]] {
            let (text, _) = run_doctor(&settings, presented, more);
            assert!(text.contains("auth server"), "{text}");
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{secret} is printed: {text}");
            }
        }
    }
}

#[tokio::test]
async fn trailing_slash_in_issuer_is_reported() {
    let (server, account) = signed_up_account().await;
    let jwt = server.jwt(&account).await;
    let slash = format!("{}/", server.url);
    let run = doctor(&[("BETTER_AUTH_URL", &server.url), ("JWT_ISSUER", &slash)], Token(&jwt));
    let fix = format!("set JWT_ISSUER={}, if", server.url);
    run.is_rejected_by("issuer", &["they differ by a slash at the end", &fix]);
    let outcomes = run.report["credential"]["checks"].as_array().unwrap();
    let of = |name: &str| &outcomes.iter().find(|step| step["check"] == name).unwrap()["outcome"];
    assert_eq!(of("signature"), "held");
    assert_eq!(of("audience"), "unreached");
    assert_eq!(of("known"), "inapplicable");
}

#[tokio::test]
async fn localhost_alias_in_issuer_is_reported() {
    let (server, account) = signed_up_account().await;
    let jwt = server.jwt(&account).await;
    let named = server.url.replace("127.0.0.1", "localhost");
    let run = doctor(&[("BETTER_AUTH_URL", &named)], Token(&jwt));
    run.is_rejected_by("issuer", &["localhost and 127.0.0.1", "JWT_ISSUER"]);
}

#[tokio::test]
async fn wrong_audience_is_reported() {
    let (server, account) = signed_up_account().await;
    let jwt = server.jwt(&account).await;
    let run = doctor(&[("BETTER_AUTH_URL", &server.url), ("JWT_AUDIENCE", "api")], Token(&jwt));
    let fix = format!("set JWT_AUDIENCE={}", server.url);
    run.is_rejected_by("audience", &["JWT_AUDIENCE accepts \"api\"", &fix]);
}

#[test]
fn key_of_other_server_is_reported() {
    let (server, other) = (AuthServer::shared(), Issuer::shared());
    let token = other.token(&json!({"sub": "some-user"}));
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], Token(&token));
    let fix = format!("set BETTER_AUTH_URL={} (or JWKS_URL)", other.url());
    run.is_rejected_by(
        "key",
        &["kid \"ed\" is not in the key set, which is 0 s old and has", &fix],
    );
}

#[tokio::test]
async fn withdrawn_key_is_reported() {
    let server = AuthServer::start(&json!({}));
    let account = server.sign_up("Old", json!({})).await;
    let old = server.jwt(&account).await;
    let control =
        |what: &str| crate::support::app::client().post(format!("{}/control/{what}", server.url));
    control("rotate-keys").json(&json!({})).send().await.unwrap();
    let fresh = server.jwt(&account).await;
    control("withdraw-keys").json(&json!({})).send().await.unwrap();
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    doctor(&settings, Token(&fresh)).has_verdict("accepted", &[]);
    let run = doctor(&settings, Token(&old));
    run.is_rejected_by("key", &["take a new one", "was removed", "JWKS_URL"]);
}

#[test]
fn nearly_right_secret_is_reported() {
    let token = signed_with(SECRET, &claims());
    let run = |secret: &str| doctor(&[("JWT_SECRET", secret)], Token(&token));
    run(SECRET).has_verdict("accepted", &["some-user"]);
    run(OTHER_SECRET).is_rejected_by("signature", &["another secret", "copy JWT_SECRET"]);
    run(&format!("{SECRET} "))
        .is_rejected_by("signature", &["JWT_SECRET", "white space around it"]);
    run(&format!("\"{SECRET}\"")).is_rejected_by("signature", &["JWT_SECRET", "quotes around it"]);
    let token = signed_with(&format!("{SECRET}\n"), &claims());
    let run = doctor(&[("JWT_SECRET", SECRET)], Token(&token));
    run.is_rejected_by("signature", &["line break", "write JWT_SECRET as the signer has it"]);
}

#[test]
fn hs256_without_jwt_secret_is_reported() {
    let url = AuthServer::shared().url.as_str();
    let token = signed_with(SECRET, &claims());
    let run = doctor(&[("BETTER_AUTH_URL", url)], Token(&token));
    run.is_rejected_by("kind", &["JWT_SECRET is not set", "EdDSA", "/api/auth/token"]);
    let settings = [("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    let run = doctor(&settings, Token(&signed_with(AUTH_SECRET, &claims())));
    run.is_rejected_by("kind", &["signed with BETTER_AUTH_SECRET", "never with HS256"]);
}

#[tokio::test]
async fn asymmetric_token_with_only_secret_is_reported() {
    let (server, account) = signed_up_account().await;
    let run = doctor(&[("JWT_SECRET", SECRET)], Token(&server.jwt(&account).await));
    let fix = format!("set BETTER_AUTH_URL={}", server.url);
    run.is_rejected_by("kind", &["EdDSA", "JWT_SECRET", &fix, "JWKS_URL"]);
}

#[test]
fn unsupported_algorithm_is_reported() {
    let url = AuthServer::shared().url.as_str();
    for (algorithm, word) in
        [("RS384", "keyPairConfig"), ("none", "not signed"), ("HS512", "JWT_SECRET")]
    {
        let token = unsigned(&json!({"alg": algorithm, "kid": "a"}), &claims());
        let run = doctor(&[("BETTER_AUTH_URL", url)], Token(&token));
        run.is_rejected_by(
            "algorithm",
            &[algorithm, "EdDSA, ES256, ES384, ES512, RS256 or PS256", word],
        );
    }
    let issuer = Issuer::shared();
    let header = json!({"alg": "RS256", "kid": "ed"});
    let run = doctor(&[("BETTER_AUTH_URL", issuer.url())], Token(&unsigned(&header, &claims())));
    run.is_rejected_by("algorithm", &["RS256", "EdDSA", "JWKS_URL"]);
}

#[test]
fn clock_difference_is_reported_with_leeway() {
    let issuer = Issuer::shared();
    let settings = [("BETTER_AUTH_URL", issuer.url())];
    let at = |iat: i64, exp: i64| {
        let present = now().timestamp();
        issuer.token(&json!({"sub": "s", "iat": present + iat, "exp": present + exp}))
    };
    let run = doctor(&settings, Token(&at(60, 900)));
    run.is_rejected_by("times", &["clock is", "ahead of this machine's", "set JWT_LEEWAY="]);
    doctor(&settings, Token(&at(3600, 7200))).is_rejected_by("times", &["NTP", "at most 5m"]);
    let run = doctor(&settings, Token(&at(-960, -60)));
    run.is_rejected_by("times", &["expired 1 min", "/api/auth/token", "15 minutes", "JWT_LEEWAY"]);
    let run = doctor(&settings, Token(&at(-9000, -8100)));
    run.is_rejected_by("times", &["expired 2 h 15 min ago", "as a front end does on 401"]);
    let milliseconds = json!({"sub": "s", "iat": now().timestamp_millis()});
    let run = doctor(&settings, Token(&issuer.token(&milliseconds)));
    run.is_rejected_by("times", &["`iat` is in milliseconds"]);
}

#[test]
fn provider_tokens_need_their_settings() {
    let issuer = Issuer::shared();
    let provider = format!("{}/api/auth", issuer.url());
    let id = issuer.token(&json!({"iss": provider, "sub": "s", "aud": "app-1", "nonce": "n"}));
    let claims = json!({"iss": provider, "sub": "s", "aud": ["https://api.example.com",
        format!("{provider}/oauth2/userinfo")], "client_id": "c", "scope": "openid"});
    let access = issuer.full(&claims).to_string();
    let access =
        issuer.ed25519.sign_raw(&json!({"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}), &access);
    let run = |more: &[(&'static str, &'static str)], token: &str| {
        let settings: Vec<_> =
            [("BETTER_AUTH_URL", issuer.url())].into_iter().chain(more.iter().copied()).collect();
        doctor(&settings, Token(token))
    };
    run(&[], &id).is_rejected_by("kind", &["SSO_CLIENT_ID is not set", "set SSO_CLIENT_ID=app-1"]);
    run(&[("SSO_CLIENT_ID", "app-2")], &id).is_rejected_by(
        "audience",
        &["SSO_CLIENT_ID accepts \"app-2\"", "set SSO_CLIENT_ID=app-1"],
    );
    run(&[("SSO_CLIENT_ID", "app-1"), ("OIDC_ISSUER", "https://id.example.com")], &id)
        .has_verdict("unknown", &["OIDC_ISSUER"]);
    run(&[("SSO_CLIENT_ID", "app-1")], &id).has_verdict("accepted", &[]);
    run(&[], &access).is_rejected_by(
        "kind",
        &["OAUTH_RESOURCE is not set", "set OAUTH_RESOURCE=https://api.example.com"],
    );
    run(&[("OAUTH_RESOURCE", "https://other.example")], &access)
        .is_rejected_by("audience", &["OAUTH_RESOURCE=https://api.example.com"]);
    let first_party =
        issuer.token(&json!({"iss": issuer.url(), "sub": "s", "aud": "app-1", "nonce": "n"}));
    run(&[("SSO_CLIENT_ID", "app-1")], &first_party)
        .is_rejected_by("issuer", &["OIDC_ISSUER", "the path"]);
}

#[tokio::test]
async fn non_login_tokens_are_reported() {
    let (server, account) = signed_up_account().await;
    let control = format!("{}/control/verification-token", server.url);
    let request =
        crate::support::app::client().post(control).json(&json!({"email": account.email}));
    let link: Value = request.send().await.unwrap().json().await.unwrap();
    let link = link["token"].as_str().unwrap();
    let url = server.url.as_str();
    let run = doctor(&[("BETTER_AUTH_URL", url)], Token(link));
    run.is_rejected_by("kind", &["a link that Better Auth mails", "/api/auth/token"]);
    let same = [
        ("BETTER_AUTH_URL", url),
        ("JWT_SECRET", AUTH_SECRET),
        ("BETTER_AUTH_SECRET", AUTH_SECRET),
    ];
    let run = doctor(&same, Token(link));
    run.is_rejected_by("subject", &["a link that Better Auth mails", "JWT_SECRET must not be"]);
    run.reports("warning", "JWT_SECRET", &["JWT_SECRET is BETTER_AUTH_SECRET"]);
    let issuer = Issuer::shared();
    let cache = issuer.full(&json!({"session": {}, "user": {}})).to_string();
    let header = json!({"alg": "EdDSA", "kid": "ed", "typ": "better-auth.session-cache+jwt"});
    let cache = issuer.ed25519.sign_raw(&header, &cache);
    let run = doctor(&[("BETTER_AUTH_URL", issuer.url())], Token(&cache));
    run.is_rejected_by("kind", &["cookie cache", "COOKIE_CACHE=trust"]);
}

#[tokio::test]
async fn secure_cookie_mismatch_is_reported() {
    let (server, account) = signed_up_account().await;
    let secure = account.cookie.replace("better-auth.", "__Secure-better-auth.");
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], Cookie(&secure));
    run.is_rejected_by(
        "known",
        &["__Secure-better-auth.session_token", "BETTER_AUTH_URL", "https"],
    );
    let server = AuthServer::start(&json!({"secureCookies": true}));
    let account = server.sign_up("Sec", json!({})).await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str())];
    doctor(&settings, Cookie(&account.cookie)).has_verdict("accepted", &[]);
    let run = doctor(&settings, Cookie(&account.cookie.replace("__Secure-", "")));
    run.is_rejected_by("known", &["the prefix `__Secure-`", "useSecureCookies"]);
}

#[tokio::test]
async fn other_cookie_prefix_is_reported() {
    let (server, account) = signed_up_account().await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("COOKIE_PREFIX", "shop")];
    let run = doctor(&settings, Cookie(&account.cookie));
    let names = "is \"better-auth.session_token\", expected \"shop.session_token\"";
    run.has_verdict("absent", &[names, "anonymous", "set COOKIE_PREFIX=better-auth"]);
    let run = doctor(&settings[..1], Cookie("theme=dark; lang=en"));
    run.has_verdict(
        "absent",
        &["\"theme\", \"lang\"", "better-auth.session_token", "COOKIE_PREFIX"],
    );
}

#[tokio::test]
async fn wrong_cookie_secret_is_reported() {
    let (server, account) = signed_up_account().await;
    let run = |secret: &str, cookie: &str| {
        doctor(&[("BETTER_AUTH_URL", &server.url), ("BETTER_AUTH_SECRET", secret)], Cookie(cookie))
    };
    run(OTHER_SECRET, &account.cookie)
        .is_rejected_by("signature", &["another secret", "copy BETTER_AUTH_SECRET"]);
    run(&format!(" {AUTH_SECRET}"), &account.cookie)
        .is_rejected_by("signature", &["BETTER_AUTH_SECRET", "white space"]);
    let (name, value) = account.cookie.split(';').next().unwrap().split_once('=').unwrap();
    let (token, signature) = value.split_once('.').unwrap();
    let changed = format!("{name}={}.{signature}", token.chars().rev().collect::<String>());
    run(AUTH_SECRET, &changed)
        .is_rejected_by("signature", &["modified in transit", "BETTER_AUTH_SECRET is correct"]);
    run(AUTH_SECRET, &format!("{name}={token}"))
        .is_rejected_by("signature", &["no signature", "dot"]);
    let twice = format!("{name}={}", value.replace('%', "%25"));
    run(AUTH_SECRET, &twice).is_rejected_by("signature", &["percent-encoded twice"]);
}

#[tokio::test]
async fn ended_session_is_reported() {
    let (server, account) = signed_up_account().await;
    server.sign_out(&account).await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    let run = doctor(&settings, Cookie(&account.cookie));
    run.is_rejected_by("known", &["signed out", "sign in again", "BETTER_AUTH_URL"]);
    let run = doctor(&settings, Token(&account.session_token));
    run.is_rejected_by("known", &["opaque", "if a JWT was intended", "INTROSPECTION_CLIENT_ID"]);
}

#[tokio::test]
async fn missing_bearer_plugin_is_reported() {
    let server = AuthServer::start(&json!({"bearer": false}));
    let account = server.sign_up("Bea", json!({})).await;
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], Token(&account.session_token));
    run.is_rejected_by("known", &["add bearer()"]);
}

#[tokio::test]
async fn ban_is_reported_with_its_expiry() {
    let (server, account) = signed_up_account().await;
    server
        .set_user(&account, json!({"banned": true, "banExpires": "2999-01-01T00:00:00.000Z"}))
        .await;
    let run = doctor(&[("BETTER_AUTH_URL", &server.url)], Token(&server.jwt(&account).await));
    run.is_rejected_by("ban", &["2999-01-01", "unban"]);
}

#[tokio::test]
async fn revocation_is_reported_from_shared_database() {
    let (server, account) = signed_up_account().await;
    let jwt = server.jwt(&account).await;
    let settings = [("BETTER_AUTH_URL", server.url.as_str()), ("REVOCATION_SECRET", SECRET)];
    let hallpass = Process::start(&settings);
    let body = json!({"type": "user.changed", "data": {"userId": account.id}}).to_string();
    let at = now().timestamp().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("one.{at}.{body}").as_bytes());
    let request = crate::support::app::client()
        .post(format!("{}/revocations", hallpass.url))
        .header("webhook-id", "one")
        .header("webhook-timestamp", at)
        .header("webhook-signature", format!("v1,{}", STANDARD.encode(tag)));
    assert_eq!(request.body(body).send().await.unwrap().status(), 204);
    let database = format!("sqlite://{}/hallpass.db", hallpass.directory.path().display());
    let settings = [settings[0], settings[1], ("DATABASE_URL", &database)];
    doctor(&settings, Token(&jwt))
        .is_rejected_by("revocation", &["it was revoked", "REVOCATION_SECRET"]);
    doctor(&settings[..1], Token(&jwt)).has_verdict("accepted", &[]);
}

#[tokio::test]
async fn unavailable_auth_server_is_reported() {
    let (server, account) = signed_up_account().await;
    let away = [("BETTER_AUTH_URL", "http://127.0.0.1:9")];
    let run = doctor(&away, Cookie(&account.cookie));
    run.has_verdict(
        "unknown",
        &["no server responds there", "BETTER_AUTH_URL", "start the auth server"],
    );
    let settings =
        [("BETTER_AUTH_URL", server.url.as_str()), ("JWKS_URL", "http://127.0.0.1:9/jwks")];
    let run = doctor(&settings, Token(&server.jwt(&account).await));
    run.has_verdict("unknown", &["JWKS_URL", "http://127.0.0.1:9/jwks"]);
}

#[test]
fn credential_text_cannot_inject_into_report() {
    let issuer = Issuer::shared();
    let evil = "http://x\"; $(touch /tmp/x)\u{1b}[31m\u{202e}\u{9b}31m\nwrong    database";
    let token = issuer.token(&json!({"sub": "s", "iss": evil}));
    let (text, _) = run_doctor(&[("BETTER_AUTH_URL", issuer.url())], Token(&token), &[]);
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text}");
    assert!(!text.contains("JWT_ISSUER=http://x"), "nothing of it is offered as a value: {text}");
    assert!(!text.lines().any(|line| line.starts_with("wrong    database")), "{text}");
}

#[test]
fn key_with_reused_id_is_reported() {
    let issuer = Issuer::shared();
    let forged = Key::ed25519("ed").sign(&issuer.full(&json!({"sub": "s"})));
    let run = doctor(&[("BETTER_AUTH_URL", issuer.url()), ("JWKS_COOLDOWN", "0s")], Token(&forged));
    run.is_rejected_by("signature", &["does not match the key", "JWKS_URL"]);
    // If the keys are unavailable, the result is unknown.
    let nothing = serve(axum::Router::new());
    let run = doctor(&[("BETTER_AUTH_URL", &nothing)], Token(&forged));
    run.has_verdict("unknown", &["404", "JWKS_URL"]);
}
