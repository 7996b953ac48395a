//! Faults of cookies, sessions, the cookie cache and API keys.

use serde_json::{Value, json};

use super::{Faults, NO_RATE_LIMIT_PROBE, OTHER_SECRET};
use crate::cli::doctor::PresentedAs::{ApiKey, Cookie, Token};
use crate::cli::doctor::{AUTH_SECRET, doctor, signed_up_account};
use crate::support::auth_server::{Account, AuthServer};
use crate::support::issuer::Issuer;

pub(super) async fn cookies(faults: &mut Faults) {
    let (server, account) = signed_up_account().await;
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    cookie_prefixes(faults, base, &account);
    cookie_names(faults, base, &account).await;
    let two = format!("{}; better-auth.session_token=abc.def", account.cookie);
    faults.check(
        "two session cookies",
        &[base],
        Cookie(&two),
        &["2 different", "crossSubDomainCookies"],
    );
    faults.check(
        "no session cookie",
        &[base],
        Cookie("theme=dark"),
        &["`credentials: \"include\"`"],
    );
}

/// Faults of COOKIE_PREFIX. `base` is the address of the auth server of `account`.
fn cookie_prefixes(faults: &mut Faults, base: (&str, &str), account: &Account) {
    let shop = AuthServer::start(&json!({"cookiePrefix": "shop", "secureCookies": true}));
    let there = ("BETTER_AUTH_URL", shop.url.as_str());
    faults.check(
        "another cookie prefix",
        &[there],
        NO_RATE_LIMIT_PROBE,
        &["set COOKIE_PREFIX=shop"],
    );
    let prefix = ("COOKIE_PREFIX", "shop");
    faults.check(
        "secure cookies at http",
        &[there, prefix],
        NO_RATE_LIMIT_PROBE,
        &["__Secure-shop.session_token", "set BETTER_AUTH_URL"],
    );
    faults.check(
        "a cookie of another prefix",
        &[base, prefix],
        Cookie(&account.cookie),
        &["set COOKIE_PREFIX=better-auth"],
    );
    let secure = account.cookie.replace("better-auth.", "__Secure-better-auth.");
    faults.check(
        "a secure cookie of another server",
        &[base],
        Cookie(&secure),
        &["`__Secure-` is used with https", "set BETTER_AUTH_URL"],
    );
}

/// Faults of SESSION_COOKIE. `base` is the address of the auth server of `account`.
async fn cookie_names(faults: &mut Faults, base: (&str, &str), account: &Account) {
    let named_so = AuthServer::start(&json!({"sessionCookie": "sid"}));
    let ada = named_so.sign_up("Ada", json!({})).await;
    let there = [("BETTER_AUTH_URL", named_so.url.as_str())];
    faults.check(
        "a session cookie of another name",
        &there,
        NO_RATE_LIMIT_PROBE,
        &["set SESSION_COOKIE=sid"],
    );
    faults.check(
        "a cookie of another name",
        &there,
        Cookie(&ada.cookie),
        &["its session cookie is \"sid\"", "set SESSION_COOKIE=sid"],
    );
    faults.check(
        "a name that the server has not",
        &[base, ("SESSION_COOKIE", "sid")],
        Cookie(&account.cookie),
        &["set SESSION_COOKIE=better-auth.session_token, or remove it"],
    );
}

pub(super) async fn sessions(faults: &mut Faults) {
    let (server, account) = signed_up_account().await;
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let secret = |secret| [base, ("BETTER_AUTH_SECRET", secret)];
    let cookie = Cookie(&account.cookie);
    faults.check(
        "another BETTER_AUTH_SECRET",
        &secret(OTHER_SECRET),
        cookie,
        &["not signed with BETTER_AUTH_SECRET", "copy BETTER_AUTH_SECRET"],
    );
    let padded = format!(" {AUTH_SECRET}");
    faults.check("a secret with a blank", &secret(&padded), cookie, &["white space", "exactly as"]);
    let (name, value) = account.cookie.split_once('=').unwrap();
    let cut = format!("{name}={}", value.split('.').next().unwrap());
    faults.check("a cookie without signature", &[base], Cookie(&cut), &["TOKEN.SIGNATURE"]);
    let gone = server.sign_up("Gone", json!({})).await;
    server.sign_out(&gone).await;
    faults.check(
        "a session that is over",
        &secret(AUTH_SECRET),
        Cookie(&gone.cookie),
        &["sign in again"],
    );
    let bare = AuthServer::start(&json!({"bearer": false, "jwt": false}));
    let ada = bare.sign_up("Ada", json!({})).await;
    let there = [("BETTER_AUTH_URL", bare.url.as_str())];
    faults.check("no bearer plugin", &there, Token(&ada.session_token), &["add bearer()"]);
    let jwt = Issuer::shared().token(&json!({"sub": "s"}));
    faults.check("no jwt plugin", &there, Token(&jwt), &["add the jwt plugin to the auth server"]);
    let strict = json!({"bearerRequireSignature": true, "jwtSubject": "email"});
    let strict = AuthServer::start(&strict);
    let ada = strict.sign_up("Ada", json!({})).await;
    let there = ("BETTER_AUTH_URL", strict.url.as_str());
    let signed = [there, ("BETTER_AUTH_SECRET", AUTH_SECRET)];
    faults.check(
        "requireSignature",
        &signed,
        Token(&ada.session_token),
        &["remove requireSignature"],
    );
    let changed = "getSubject of the jwt plugin is customized";
    faults.check(
        "getSubject, by the session",
        &[there],
        Cookie(&ada.cookie),
        &[changed, "JWT_SUBJECT=id", "remove getSubject"],
    );
    let jwt = strict.jwt(&ada).await;
    faults.check("getSubject, by the JWT", &[there], Token(&jwt), &[changed, "JWT_SUBJECT=id"]);
    faults.check(
        "JWT_SUBJECT=sub",
        &[there, ("JWT_SUBJECT", "sub")],
        Token(&jwt),
        &[changed, "are two users", "set JWT_SUBJECT=id"],
    );
}

const NO_EFFECT: &str = "COOKIE_CACHE=trust has no effect";

pub(super) async fn caches(faults: &mut Faults) {
    let (server, account) = signed_up_account().await;
    let trust = ("COOKIE_CACHE", "trust");
    let secret = ("BETTER_AUTH_SECRET", AUTH_SECRET);
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    faults.check(
        "COOKIE_CACHE without a cache",
        &[base, trust, secret],
        Cookie(&account.cookie),
        &[NO_EFFECT, "session.cookieCache.enabled"],
    );
    let cached = AuthServer::start(&json!({"cookieCache": {"version": "2"}}));
    let ada = cached.sign_up("Ada", json!({})).await;
    let base = ("BETTER_AUTH_URL", cached.url.as_str());
    faults.check(
        "COOKIE_CACHE without the secret",
        &[base, trust],
        Cookie(&ada.cookie),
        &[NO_EFFECT, "set BETTER_AUTH_SECRET"],
    );
    let version = ("COOKIE_CACHE_VERSION", "1");
    faults.check(
        "wrong COOKIE_CACHE_VERSION",
        &[base, trust, secret, version],
        Cookie(&ada.cookie),
        &[NO_EFFECT, "set COOKIE_CACHE_VERSION=2"],
    );
    let bob = cached.sign_up("Bob", json!({})).await;
    let data = |account: &Account| account.cookie_value("session_data").to_owned();
    let mixed = ada.cookie.replace(&data(&ada), &data(&bob));
    faults.check(
        "a cache of another session",
        &[base, trust, secret],
        Cookie(&mixed),
        &[NO_EFFECT, "another session", "sign in again"],
    );
    let mangled = ada.cookie.replace(&data(&ada), "eyJzZXNzaW9uIjp7fX0");
    faults.check(
        "a cache that was changed",
        &[base, trust, secret],
        Cookie(&mangled),
        &[NO_EFFECT, "copy BETTER_AUTH_SECRET"],
    );
}

pub(super) async fn stateless_sessions(faults: &mut Faults) {
    let trust = ("COOKIE_CACHE", "trust");
    let secret = ("BETTER_AUTH_SECRET", AUTH_SECRET);
    let version = ("COOKIE_CACHE_VERSION", "1");
    let stateless = AuthServer::start(&json!({"stateless": true, "cookieCache": {"version": "2"}}));
    let ada = stateless.sign_up("Ada", json!({})).await;
    stateless.operate("forget-sessions", json!({})).await;
    let base = ("BETTER_AUTH_URL", stateless.url.as_str());
    faults.check(
        "a stateless auth server",
        &[base],
        Cookie(&ada.cookie),
        &["stateless", "set COOKIE_CACHE=trust"],
    );
    faults.check(
        "version of a stateless auth server",
        &[base, trust, secret, version],
        Cookie(&ada.cookie),
        &["stateless", NO_EFFECT, "set COOKIE_CACHE_VERSION=2"],
    );
}

pub(super) async fn response_shapes(faults: &mut Faults) {
    for (shape, fault) in
        [("other", "customSession without user"), ("partial", "customSession without user.id")]
    {
        let server = AuthServer::start(&json!({"customSession": shape}));
        let account = server.sign_up("Shape", json!({})).await;
        let base = [("BETTER_AUTH_URL", server.url.as_str())];
        let words = ["let customSession return `user` and `session`"];
        faults.check(fault, &base, Cookie(&account.cookie), &words);
    }
}

pub(super) async fn api_keys(faults: &mut Faults) {
    let limit = json!({"enabled": true, "maxRequests": 1, "timeWindow": 600_000});
    let server =
        AuthServer::start(&json!({"organization": true, "ssoApiKey": "the-key", "apiKeys": [
            {"configId": "default", "rateLimit": limit},
            {"configId": "other", "apiKeyHeaders": "x-other-key"},
            {"configId": "team", "apiKeyHeaders": "x-team-key", "references": "organization"},
        ]}));
    let account = server.sign_up("Key", json!({})).await;
    let organization = server.operate("organization", json!({"email": account.email})).await;
    unusable_keys(faults, &server, &account).await;
    keys_of_configurations(faults, &server, &account, &organization["id"]).await;
    api_key_settings(faults, &server);

    let without = AuthServer::start(&json!({"apiKeys": {"enableSessionForAPIKeys": false}}));
    let account = without.sign_up("Off", json!({})).await;
    let key = without.api_key(&account, json!({})).await;
    let base = [("BETTER_AUTH_URL", without.url.as_str())];
    faults.check("no sessions for API keys", &base, ApiKey(&key), &["set enableSessionForAPIKeys"]);
}

/// API keys of the default configuration that the auth server rejects.
async fn unusable_keys(faults: &mut Faults, server: &AuthServer, account: &Account) {
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let key = async |options: Value| server.api_key(account, options).await;
    // First, because the other requests make the server delete expired keys.
    let expired = key(json!({"expiresIn": 1})).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    faults.check(
        "an API key that has expired",
        &[base],
        ApiKey(&expired),
        &["KEY_EXPIRED", "expiresIn"],
    );
    let disabled = key(json!({"enabled": false})).await;
    faults.check("an API key that is disabled", &[base], ApiKey(&disabled), &["enable this one"]);
    let used = key(json!({"remaining": 1, "rateLimitEnabled": false})).await;
    doctor(&[base], ApiKey(&used)).has_verdict("accepted", &[]);
    faults.check(
        "an API key that is used up",
        &[base],
        ApiKey(&used),
        &["USAGE_EXCEEDED", "`remaining`"],
    );
    let often = key(json!({})).await;
    doctor(&[base], ApiKey(&often)).has_verdict("accepted", &[]);
    faults.check(
        "an API key over its limit",
        &[base],
        ApiKey(&often),
        &["its own rate limit", "raise rateLimitMax"],
    );
    let unknown = "x".repeat(64);
    faults.check("an unknown API key", &[base], ApiKey(&unknown), &["create a new key"]);
}

/// API keys for which the auth server returns no session or no user, and an unknown one at API_KEY_VERIFY_URL.
async fn keys_of_configurations(
    faults: &mut Faults,
    server: &AuthServer,
    account: &Account,
    organization: &Value,
) {
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let key = async |options: Value| server.api_key(account, options).await;
    let other = key(json!({"configId": "other"})).await;
    faults.check(
        "an API key of another configuration",
        &[base],
        ApiKey(&other),
        &["configId", "set API_KEY_HEADER", "API_KEY_VERIFY_URL"],
    );
    let of_team = json!({"configId": "team", "organizationId": organization});
    let of_team = key(of_team).await;
    faults.check(
        "an API key of an organization",
        &[base, ("API_KEY_HEADER", "x-team-key")],
        ApiKey(&of_team),
        &["belongs to an organization", "set API_KEY_VERIFY_URL"],
    );
    let verify = format!("{}/api/verify-api-key", server.url);
    let verifying = [base, ("API_KEY_VERIFY_URL", &verify)];
    faults.check(
        "an API key that is a service",
        &verifying,
        ApiKey(&key(json!({"configId": "other"})).await),
        &["returns no user for this key", "`configurations`"],
    );
    faults.check(
        "an unknown API key at the endpoint",
        &verifying,
        ApiKey(&"x".repeat(64)),
        &["API_KEY_VERIFY_URL does not know the API key"],
    );
    faults.check(
        "an API key header that differs",
        &[base, ("API_KEY_HEADER", "x-no-such-header")],
        ApiKey(&key(json!({})).await),
        &["set API_KEY_HEADER to that"],
    );
}

/// Faults of the settings for API keys that need no key.
fn api_key_settings(faults: &mut Faults, server: &AuthServer) {
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let nowhere = format!("{}/api/verify", server.url);
    let nowhere = [base, ("API_KEY_VERIFY_URL", &nowhere)];
    faults.check(
        "no endpoint for API keys",
        &nowhere,
        NO_RATE_LIMIT_PROBE,
        &["correct API_KEY_VERIFY_URL"],
    );
    let service = [base, ("SSO_API_KEY", "another")];
    faults.check(
        "another SSO_API_KEY",
        &service,
        NO_RATE_LIMIT_PROBE,
        &["set SSO_API_KEY to the key"],
    );
}
