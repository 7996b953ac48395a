//! Faults of addresses, settings and keys.

use axum::routing::get;
use serde_json::json;

use super::{Faults, NO_RATE_LIMIT_PROBE, UNREACHABLE};
use crate::cli::doctor::PresentedAs::{Nothing, Token};
use crate::cli::doctor::setup::healthy_server;
use crate::cli::doctor::{AUTH_SECRET, SECRET, claims, signed_up_account, unsigned};
use crate::support::auth_server::AuthServer;
use crate::support::issuer::{Issuer, Key, serve};
use crate::support::postgres;

pub(super) async fn addresses(faults: &mut Faults) {
    let url = AuthServer::shared().url.as_str();
    let base = ("BETTER_AUTH_URL", url);
    faults.check(
        "no auth server",
        &[("BETTER_AUTH_URL", UNREACHABLE)],
        NO_RATE_LIMIT_PROBE,
        &["BETTER_AUTH_URL", "start the auth server"],
    );
    faults.check(
        "unknown host",
        &[("BETTER_AUTH_URL", "http://auth.invalid")],
        NO_RATE_LIMIT_PROBE,
        &["correct the host in BETTER_AUTH_URL"],
    );
    faults.check(
        "another basePath",
        &[base, ("BETTER_AUTH_BASE_PATH", "/auth")],
        NO_RATE_LIMIT_PROBE,
        &["set BETTER_AUTH_BASE_PATH=/api/auth"],
    );
    let itself = serve(axum::Router::new());
    let port = itself.rsplit(':').next().unwrap();
    faults.check(
        "the server itself",
        &[("BETTER_AUTH_URL", &itself), ("API_PORT", port)],
        NO_RATE_LIMIT_PROBE,
        &["this server itself", "set BETTER_AUTH_URL"],
    );
    let server = AuthServer::start(&json!({}));
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    server.set_mode("html").await;
    faults.check(
        "a web page",
        &[base],
        NO_RATE_LIMIT_PROBE,
        &["there is a web page", "BETTER_AUTH_URL"],
    );
    server.set_mode("error500").await;
    faults.check(
        "failing auth server",
        &[base],
        NO_RATE_LIMIT_PROBE,
        &["fails (500)", "log of the auth server"],
    );
    server.set_mode("hang").await;
    let hurried = [base, ("AUTH_TIMEOUT", "200ms")];
    faults.check(
        "slow auth server",
        &hurried,
        NO_RATE_LIMIT_PROBE,
        &["it took too long", "raise AUTH_TIMEOUT"],
    );
}

pub(super) fn settings(faults: &mut Faults) {
    let base = ("BETTER_AUTH_URL", AuthServer::shared().url.as_str());
    faults.check(
        "no trusted proxy",
        &[base],
        NO_RATE_LIMIT_PROBE,
        &["set TRUSTED_PROXIES to the network"],
    );
    faults.check(
        "every proxy trusted",
        &[base, ("TRUSTED_PROXIES", "0.0.0.0/0")],
        NO_RATE_LIMIT_PROBE,
        &["any client can forge its address", "TRUSTED_PROXIES"],
    );
    faults.check(
        "no allowed origin",
        &[base],
        NO_RATE_LIMIT_PROBE,
        &["set ALLOWED_ORIGINS to the exact origin"],
    );
    faults.check(
        "no session cache",
        &[base, ("SESSION_CACHE_TTL", "0s")],
        NO_RATE_LIMIT_PROBE,
        &["set SESSION_CACHE_TTL=30s"],
    );
    faults.check(
        "metrics on the same port",
        &[base, ("METRICS_ADDR", "127.0.0.1:8000")],
        NO_RATE_LIMIT_PROBE,
        &["set METRICS_ADDR to another port"],
    );
    stores(faults, base);
    faults.check(
        "one secret for two",
        &[base, ("JWT_SECRET", AUTH_SECRET), ("BETTER_AUTH_SECRET", AUTH_SECRET)],
        NO_RATE_LIMIT_PROBE,
        &["JWT_SECRET is BETTER_AUTH_SECRET", "remove JWT_SECRET"],
    );
    faults.check(
        "userinfo without a provider",
        &[base, ("USERINFO", "trust")],
        NO_RATE_LIMIT_PROBE,
        &["USERINFO", "add @better-auth/oauth-provider"],
    );
    let shared = AuthServer::start(&json!({"rateLimit": true, "ipAddressHeaders": ["x-real-ip"]}));
    faults.check(
        "one rate limit for all",
        &[("BETTER_AUTH_URL", &shared.url)],
        Nothing,
        &["customRules {\"/get-session\": false}", "ipAddressHeaders"],
    );
}

/// Faults of Redis and of the database. `base` is the address of an auth server.
fn stores(faults: &mut Faults, base: (&str, &str)) {
    faults.check(
        "wrong Redis",
        &[base, ("REDIS_URL", "redis://127.0.0.1:9")],
        NO_RATE_LIMIT_PROBE,
        &["REDIS_URL does not respond", "correct REDIS_URL"],
    );
    let nowhere = ("DATABASE_URL", "sqlite:///no/such/place/x.db?mode=rwc");
    faults.check(
        "no database",
        &[base, nowhere],
        NO_RATE_LIMIT_PROBE,
        &["DATABASE_URL", "/no/such/place"],
    );
    let empty = postgres::empty_database();
    let empty = ("DATABASE_URL", empty.as_str());
    faults.check(
        "no migrations",
        &[base, empty],
        NO_RATE_LIMIT_PROBE,
        &["pending", "hallpass migrate up"],
    );
}

pub(super) async fn keys(faults: &mut Faults) {
    let (server, account) = signed_up_account().await;
    let (base, jwt) = (("BETTER_AUTH_URL", server.url.as_str()), server.jwt(&account).await);
    key_sets(faults, server, &jwt);
    let foreign = Issuer::shared().token(&json!({"sub": "s"}));
    let fix = format!("set BETTER_AUTH_URL={} (or JWKS_URL)", Issuer::shared().url());
    faults.check(
        "key of another server",
        &[base],
        Token(&foreign),
        &["is not in the key set", &fix],
    );
    let own = AuthServer::start(&json!({}));
    let old = own.jwt(&own.sign_up("Old", json!({})).await).await;
    own.operate("rotate-keys", json!({})).await;
    own.jwt(&own.sign_up("New", json!({})).await).await;
    own.operate("withdraw-keys", json!({})).await;
    faults.check(
        "a key that was withdrawn",
        &[("BETTER_AUTH_URL", &own.url)],
        Token(&old),
        &["take a new one", "was removed"],
    );
    let forged = Key::ed25519("ed").sign(&Issuer::shared().full(&json!({"sub": "s"})));
    faults.check(
        "another key of the same id",
        &[("BETTER_AUTH_URL", Issuer::shared().url()), ("JWKS_COOLDOWN", "0s")],
        Token(&forged),
        &["does not match the key", "JWKS_URL must be the signer's"],
    );
    let other = unsigned(&json!({"alg": "RS384", "kid": "a"}), &claims());
    faults.check("an algorithm not accepted", &[base], Token(&other), &["set keyPairConfig.alg"]);
    let plain = unsigned(&json!({"alg": "none"}), &claims());
    faults.check("no signature", &[base], Token(&plain), &["this one is not signed"]);
    faults.check(
        "only a shared secret",
        &[("JWT_SECRET", SECRET)],
        Token(&jwt),
        &["EdDSA", "set BETTER_AUTH_URL="],
    );
}

/// Faults of the key set itself. `jwt` is a token of `server`.
fn key_sets(faults: &mut Faults, server: &AuthServer, jwt: &str) {
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    let elsewhere = format!("{}/.well-known/jwks.json", server.url);
    faults.check(
        "another JWKS path",
        &[base, ("JWKS_URL", &elsewhere)],
        Token(jwt),
        &["there is no key set at", "set JWKS_URL to its jwksPath"],
    );
    faults.check(
        "unreachable key set",
        &[base, ("JWKS_URL", "http://127.0.0.1:9/jwks")],
        Token(jwt),
        &["JWKS_URL: http://127.0.0.1:9/jwks does not respond", "correct JWKS_URL"],
    );
    let odd = json!({"kty": "EC", "crv": "secp256k1", "kid": "odd", "x": "AA", "y": "AA"});
    let (one, two) = (Key::ed25519("twice"), Key::ed25519("twice"));
    let keys = json!({"keys": [one.public, two.public, odd]}).to_string();
    let faulty = serve(healthy_server().route("/api/auth/jwks", get(async move || keys)));
    let faulty = [("BETTER_AUTH_URL", faulty.as_str())];
    faults.check(
        "a key of no use",
        &faulty,
        NO_RATE_LIMIT_PROBE,
        &["\"odd\"", "set keyPairConfig.alg"],
    );
    faults.check(
        "one kid twice",
        &faulty,
        NO_RATE_LIMIT_PROBE,
        &["\"twice\"", "remove the duplicate rows"],
    );
}
