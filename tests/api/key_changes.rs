//! Key sets that change while they are in use: aged, renewed, withdrawn, replaced under the same id.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::app::{App, Backend};
use crate::auth_server::AuthServer;
use crate::identity::{ask, assert_refused};
use crate::issuer::Key;
use crate::key_sets::{Publisher, token_of};

/// Waits until `is_so`, which has to be soon.
async fn soon(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    let mut looking = tokio::time::interval(Duration::from_millis(20));
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} was to come about");
        looking.tick().await;
    }
}

#[tokio::test]
async fn a_key_set_is_fetched_again_ahead_of_its_age_though_nobody_asks() {
    let key = Key::ed25519("key");
    let (publisher, url) = Publisher::start(&[&key]);
    let flags = ["--better-auth-url", &url, "--jwks-ttl", "400ms", "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let token = token_of(&key, &url);
    assert_eq!(ask(&app, &token).await.status, 200);
    soon("a third fetch", async || publisher.fetches() >= 3).await;
    assert_eq!(ask(&app, &token).await.status, 200);
}

#[tokio::test]
async fn the_source_says_how_long_its_keys_are_good_between_the_cool_down_and_the_age() {
    let key = Key::ed25519("key");
    let (long, short) = (["--jwks-ttl", "1h"], ["--jwks-ttl", "400ms"]);
    for (said, ttl) in [("public, max-age=1", &long), ("max-age=86400", &short)] {
        let (publisher, url) = Publisher::start(&[&key]);
        publisher.say_how_long(said);
        let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s", ttl[0], ttl[1]];
        let app = App::configured(Backend::Sqlite, &flags).await;
        assert_eq!(ask(&app, &token_of(&key, &url)).await.status, 200);
        soon(said, async || publisher.fetches() >= 2).await;
    }
    for said in ["max-age=0", "no-store, max-age=0", "max-age=-1", "max-age=soon"] {
        let (publisher, url) = Publisher::start(&[&key]);
        publisher.say_how_long(said);
        let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
        for _ in 0..30 {
            assert_eq!(ask(&app, &token_of(&key, &url)).await.status, 200, "{said}");
        }
        assert_eq!(publisher.fetches(), 1, "{said}: no more often than the cool-down lets it");
    }
}

#[tokio::test]
async fn a_source_that_wants_to_be_asked_all_the_time_is_not() {
    let key = Key::ed25519("key");
    let (publisher, url) = Publisher::start(&[&key]);
    publisher.say_how_long("max-age=0");
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    assert_eq!(ask(&app, &token_of(&key, &url)).await.status, 200);
    let storm = soon("a storm", async || publisher.fetches() > 5);
    let calm = tokio::time::timeout(Duration::from_millis(1500), storm).await;
    assert!(calm.is_err(), "{} fetches in a moment", publisher.fetches());
}

#[tokio::test]
async fn a_token_that_is_remembered_stops_counting_when_its_key_is_withdrawn() {
    let (old, new) = (Key::ed25519("old"), Key::ed25519("new"));
    let (publisher, url) = Publisher::start(&[&old]);
    let flags = ["--better-auth-url", &url, "--jwks-ttl", "400ms", "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let token = token_of(&old, &url);
    assert_eq!(ask(&app, &token).await.status, 200);
    publisher.publish(&[&new]);
    soon("the end of the token", async || ask(&app, &token).await.status == 401).await;
    assert_refused(&ask(&app, &token).await, "its key was withdrawn");
    assert_eq!(ask(&app, &token_of(&new, &url)).await.status, 200);
}

#[tokio::test]
async fn a_new_key_under_an_old_id_is_found_and_the_old_one_stops_counting() {
    let (old, new) = (Key::ed25519("1"), Key::ed25519("1"));
    let (publisher, url) = Publisher::start(&[&old]);
    let flags = ["--better-auth-url", &url, "--jwks-cooldown", "0s"];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let (by_old, by_new) = (token_of(&old, &url), token_of(&new, &url));
    assert_eq!(ask(&app, &by_old).await.status, 200);
    publisher.publish(&[&new]);
    assert_eq!(ask(&app, &by_new).await.status, 200);
    assert_eq!(publisher.fetches(), 2, "a signature that does not fit is looked into once");
    assert_refused(&ask(&app, &by_old).await, "what was remembered is by the old key");
}

#[tokio::test]
async fn signatures_that_do_not_fit_cost_the_auth_server_no_more_than_the_cool_down_lets_them() {
    let (known, stranger) = (Key::ed25519("key"), Key::ed25519("key"));
    let (publisher, url) = Publisher::start(&[&known]);
    let app = App::configured(Backend::Sqlite, &["--better-auth-url", &url]).await;
    assert_eq!(ask(&app, &token_of(&known, &url)).await.status, 200);
    let forged: Vec<_> = (0..40)
        .map(|n| {
            let claims =
                json!({"sub": format!("u{n}"), "iss": url, "aud": url, "exp": 9_999_999_999_u64});
            stranger.sign(&claims)
        })
        .collect();
    let asking = forged.iter().map(|token| ask(&app, token));
    for answer in futures_util::future::join_all(asking).await {
        assert_refused(&answer, "by another key of the same id");
    }
    assert_eq!(publisher.fetches(), 1);
    assert_eq!(ask(&app, &token_of(&known, &url)).await.status, 200);
}

#[tokio::test]
async fn keys_that_an_auth_server_rotates_and_withdraws_are_followed() {
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
    assert_refused(&ask(&app, &before).await, "its key was withdrawn");
    assert_refused(&ask(&app, &after).await, "its key was withdrawn");
}
