//! Key sets that change while they are in use: aged, refreshed, withdrawn, replaced under the same id.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::identity::jwks::{Publisher, token_of};
use crate::identity::jwt::{ask, assert_rejected};
use crate::support::app::{App, Backend};
use crate::support::auth_server::AuthServer;
use crate::support::issuer::Key;

/// Waits until `condition` holds, and fails after 20 seconds.
async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let began = Instant::now();
    let mut looking = tokio::time::interval(Duration::from_millis(20));
    while !condition().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} did not happen in time");
        looking.tick().await;
    }
}

#[tokio::test]
async fn key_set_is_refreshed_in_background() {
    let key = Key::ed25519("key");
    let (publisher, url) = Publisher::start(&[&key]);
    let flags = ["--better-auth-url", &url, "--jwks-ttl", "400ms", "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let token = token_of(&key, &url);
    assert_eq!(ask(&app, &token).await.status, 200);
    eventually("a third fetch", async || publisher.fetches() >= 3).await;
    assert_eq!(ask(&app, &token).await.status, 200);
}

#[tokio::test]
async fn max_age_is_bounded_by_cooldown_and_ttl() {
    let key = Key::ed25519("key");
    let (long, short) = (["--jwks-ttl", "1h"], ["--jwks-ttl", "400ms"]);
    for (reported, ttl) in [("public, max-age=1", &long), ("max-age=86400", &short)] {
        let (publisher, url) = Publisher::start(&[&key]);
        publisher.set_cache_control(reported);
        let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s", ttl[0], ttl[1]];
        let app = App::configured(Backend::Sqlite, &flags).await;
        assert_eq!(ask(&app, &token_of(&key, &url)).await.status, 200);
        eventually(reported, async || publisher.fetches() >= 2).await;
    }
    for reported in ["max-age=0", "no-store, max-age=0", "max-age=-1", "max-age=soon"] {
        let (publisher, url) = Publisher::start(&[&key]);
        publisher.set_cache_control(reported);
        let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
        for _ in 0..30 {
            assert_eq!(ask(&app, &token_of(&key, &url)).await.status, 200, "{reported}");
        }
        assert_eq!(publisher.fetches(), 1, "{reported}: no more often than the cool-down lets it");
    }
}

#[tokio::test]
async fn tiny_max_age_is_clamped() {
    let key = Key::ed25519("key");
    let (publisher, url) = Publisher::start(&[&key]);
    publisher.set_cache_control("max-age=0");
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    assert_eq!(ask(&app, &token_of(&key, &url)).await.status, 200);
    let storm = eventually("a storm", async || publisher.fetches() > 5);
    let calm = tokio::time::timeout(Duration::from_millis(1500), storm).await;
    assert!(calm.is_err(), "{} fetches in a moment", publisher.fetches());
}

#[tokio::test]
async fn withdrawn_key_invalidates_cached_tokens() {
    let (old, new) = (Key::ed25519("old"), Key::ed25519("new"));
    let (publisher, url) = Publisher::start(&[&old]);
    let flags = ["--better-auth-url", &url, "--jwks-ttl", "400ms", "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let token = token_of(&old, &url);
    assert_eq!(ask(&app, &token).await.status, 200);
    publisher.publish(&[&new]);
    eventually("the end of the token", async || ask(&app, &token).await.status == 401).await;
    assert_rejected(&ask(&app, &token).await, "its key was withdrawn");
    assert_eq!(ask(&app, &token_of(&new, &url)).await.status, 200);
}

#[tokio::test]
async fn reused_kid_replaces_the_old_key() {
    let (old, new) = (Key::ed25519("1"), Key::ed25519("1"));
    let (publisher, url) = Publisher::start(&[&old]);
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let (by_old, by_new) = (token_of(&old, &url), token_of(&new, &url));
    assert_eq!(ask(&app, &by_old).await.status, 200);
    publisher.publish(&[&new]);
    assert_eq!(ask(&app, &by_new).await.status, 200);
    assert_eq!(publisher.fetches(), 2, "an invalid signature causes one fetch");
    assert_rejected(&ask(&app, &by_old).await, "the cached verdict is by the old key");
}

#[tokio::test]
async fn bad_signatures_respect_the_refetch_cooldown() {
    let (known, foreign) = (Key::ed25519("key"), Key::ed25519("key"));
    let (publisher, url) = Publisher::start(&[&known]);
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
    assert_eq!(ask(&app, &token_of(&known, &url)).await.status, 200);
    let forged: Vec<_> = (0..40)
        .map(|n| {
            let claims =
                json!({"sub": format!("u{n}"), "iss": url, "aud": url, "exp": 9_999_999_999_u64});
            foreign.sign(&claims)
        })
        .collect();
    let requests = forged.iter().map(|token| ask(&app, token));
    for answer in futures_util::future::join_all(requests).await {
        assert_rejected(&answer, "by another key of the same id");
    }
    assert_eq!(publisher.fetches(), 1);
    assert_eq!(ask(&app, &token_of(&known, &url)).await.status, 200);
}

#[tokio::test]
async fn auth_server_key_rotation_is_followed() {
    let server = AuthServer::start(&json!({}));
    let account = server.sign_up("Rotate", json!({})).await;
    let app = server.app(&["--jwks-cooldown", "0s"]).await;
    let before = server.jwt(&account).await;
    assert_eq!(ask(&app, &before).await.status, 200);
    server.operate("rotate-keys", json!({})).await;
    let after = server.jwt(&account).await;
    assert_ne!(before.split('.').next(), after.split('.').next(), "the key is another");
    assert_eq!(ask(&app, &after).await.status, 200, "an unknown key is looked for");
    assert_eq!(ask(&app, &before).await.status, 200, "the old key is still published");
    server.operate("withdraw-keys", json!({})).await;
    server.operate("rotate-keys", json!({})).await;
    let newest = server.jwt(&account).await;
    server.operate("withdraw-keys", json!({})).await;
    assert_eq!(ask(&app, &newest).await.status, 200);
    assert_rejected(&ask(&app, &before).await, "its key was withdrawn");
    assert_rejected(&ask(&app, &after).await, "its key was withdrawn");
}
