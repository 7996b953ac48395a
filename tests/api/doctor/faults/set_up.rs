//! Faults of addresses, settings and keys.

use axum::routing::get;
use serde_json::json;

use super::{AWAY, Named, QUICKLY};
use crate::auth_server::AuthServer;
use crate::doctor::Shown::{Nothing, Token};
use crate::doctor::set_up::well;
use crate::doctor::{AUTH_SECRET, SECRET, claims, somebody, unsigned};
use crate::issuer::{Issuer, Key, serve};
use crate::postgres;

pub(super) async fn addresses(named: &mut Named) {
    let url = AuthServer::shared().url.as_str();
    let base = ("BETTER_AUTH_URL", url);
    named.is(
        "no auth server",
        &[("BETTER_AUTH_URL", AWAY)],
        QUICKLY,
        &["BETTER_AUTH_URL", "start the auth server"],
    );
    named.is(
        "unknown host",
        &[("BETTER_AUTH_URL", "http://auth.invalid")],
        QUICKLY,
        &["correct the host in BETTER_AUTH_URL"],
    );
    named.is(
        "another basePath",
        &[base, ("BETTER_AUTH_BASE_PATH", "/auth")],
        QUICKLY,
        &["set BETTER_AUTH_BASE_PATH=/api/auth"],
    );
    let itself = serve(axum::Router::new());
    let port = itself.rsplit(':').next().unwrap();
    named.is(
        "the server itself",
        &[("BETTER_AUTH_URL", &itself), ("API_PORT", port)],
        QUICKLY,
        &["this server itself", "set BETTER_AUTH_URL"],
    );
    let server = AuthServer::start(&json!({}));
    let base = ("BETTER_AUTH_URL", server.url.as_str());
    server.set_mode("html").await;
    named.is("a web page", &[base], QUICKLY, &["there is a web page", "BETTER_AUTH_URL"]);
    server.set_mode("error500").await;
    named.is("failing auth server", &[base], QUICKLY, &["fails (500)", "log of the auth server"]);
    server.set_mode("hang").await;
    let hurried = [base, ("AUTH_TIMEOUT", "200ms")];
    named.is("slow auth server", &hurried, QUICKLY, &["it took too long", "raise AUTH_TIMEOUT"]);
}

pub(super) fn settings(named: &mut Named) {
    let base = ("BETTER_AUTH_URL", AuthServer::shared().url.as_str());
    named.is("no trusted proxy", &[base], QUICKLY, &["set TRUSTED_PROXIES to the network"]);
    named.is(
        "every proxy trusted",
        &[base, ("TRUSTED_PROXIES", "0.0.0.0/0")],
        QUICKLY,
        &["any client can forge its address", "TRUSTED_PROXIES"],
    );
    named.is("no allowed origin", &[base], QUICKLY, &["set ALLOWED_ORIGINS to the exact origin"]);
    named.is(
        "sessions never believed",
        &[base, ("SESSION_CACHE_TTL", "0s")],
        QUICKLY,
        &["set SESSION_CACHE_TTL=30s"],
    );
    named.is(
        "metrics on the same port",
        &[base, ("METRICS_ADDR", "127.0.0.1:8000")],
        QUICKLY,
        &["set METRICS_ADDR to another port"],
    );
    named.is(
        "wrong Redis",
        &[base, ("REDIS_URL", "redis://127.0.0.1:9")],
        QUICKLY,
        &["REDIS_URL does not respond", "correct REDIS_URL"],
    );
    let nowhere = ("DATABASE_URL", "sqlite:///no/such/place/x.db?mode=rwc");
    named.is("no database", &[base, nowhere], QUICKLY, &["DATABASE_URL", "/no/such/place"]);
    let empty = postgres::empty_database();
    let empty = ("DATABASE_URL", empty.as_str());
    named.is("no migrations", &[base, empty], QUICKLY, &["pending", "hallpass migrate up"]);
    named.is(
        "one secret for two",
        &[base, ("JWT_SECRET", AUTH_SECRET), ("BETTER_AUTH_SECRET", AUTH_SECRET)],
        QUICKLY,
        &["JWT_SECRET is BETTER_AUTH_SECRET", "remove JWT_SECRET"],
    );
    named.is(
        "userinfo without a provider",
        &[base, ("USERINFO", "trust")],
        QUICKLY,
        &["USERINFO", "add @better-auth/oauth-provider"],
    );
    let shared = AuthServer::start(&json!({"rateLimit": true, "ipAddressHeaders": ["x-real-ip"]}));
    named.is(
        "one rate limit for all",
        &[("BETTER_AUTH_URL", &shared.url)],
        Nothing,
        &["customRules {\"/get-session\": false}", "ipAddressHeaders"],
    );
}

pub(super) async fn keys(named: &mut Named) {
    let (server, account) = somebody().await;
    let (base, jwt) = (("BETTER_AUTH_URL", server.url.as_str()), server.jwt(&account).await);
    let elsewhere = format!("{}/.well-known/jwks.json", server.url);
    named.is(
        "another JWKS path",
        &[base, ("JWKS_URL", &elsewhere)],
        Token(&jwt),
        &["there is no key set at", "set JWKS_URL to its jwksPath"],
    );
    named.is(
        "unreachable key set",
        &[base, ("JWKS_URL", "http://127.0.0.1:9/jwks")],
        Token(&jwt),
        &["JWKS_URL: http://127.0.0.1:9/jwks does not respond", "correct JWKS_URL"],
    );
    let odd = json!({"kty": "EC", "crv": "secp256k1", "kid": "odd", "x": "AA", "y": "AA"});
    let (one, two) = (Key::ed25519("twice"), Key::ed25519("twice"));
    let keys = json!({"keys": [one.public, two.public, odd]}).to_string();
    let faulty = serve(well().route("/api/auth/jwks", get(async move || keys)));
    let faulty = [("BETTER_AUTH_URL", faulty.as_str())];
    named.is("a key of no use", &faulty, QUICKLY, &["\"odd\"", "set keyPairConfig.alg"]);
    named.is("one kid twice", &faulty, QUICKLY, &["\"twice\"", "remove the duplicate rows"]);
    let stranger = Issuer::shared().token(&json!({"sub": "s"}));
    let fix = format!("set BETTER_AUTH_URL={} (or JWKS_URL)", Issuer::shared().url());
    named.is("key of another server", &[base], Token(&stranger), &["is not in the key set", &fix]);
    let own = AuthServer::start(&json!({}));
    let old = own.jwt(&own.sign_up("Old", json!({})).await).await;
    own.operate("rotate-keys", json!({})).await;
    own.jwt(&own.sign_up("New", json!({})).await).await;
    own.operate("withdraw-keys", json!({})).await;
    named.is(
        "a key that was withdrawn",
        &[("BETTER_AUTH_URL", &own.url)],
        Token(&old),
        &["take a new one", "was removed"],
    );
    let forged = Key::ed25519("ed").sign(&Issuer::shared().full(&json!({"sub": "s"})));
    named.is(
        "another key of the same id",
        &[("BETTER_AUTH_URL", Issuer::shared().url()), ("JWKS_COOLDOWN", "0s")],
        Token(&forged),
        &["does not match the key", "JWKS_URL must be the signer's"],
    );
    let other = unsigned(&json!({"alg": "RS384", "kid": "a"}), &claims());
    named.is("an algorithm not accepted", &[base], Token(&other), &["set keyPairConfig.alg"]);
    let plain = unsigned(&json!({"alg": "none"}), &claims());
    named.is("no signature", &[base], Token(&plain), &["this one is not signed"]);
    named.is(
        "only a shared secret",
        &[("JWT_SECRET", SECRET)],
        Token(&jwt),
        &["EdDSA", "set BETTER_AUTH_URL="],
    );
}
