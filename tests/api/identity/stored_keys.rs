//! Key sets that outlive their source: stored in the database, for a server that starts while the auth server
//! is unavailable.

use std::time::Duration;

use chrono::TimeDelta;
use hallpass_data::{Database, key_set, now};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::identity::jwks::{Publisher, token_of};
use crate::identity::jwt::{ask, assert_rejected};
use crate::support::app::{App, Backend};
use crate::support::issuer::Key;
use crate::support::postgres;

/// The URL of a database, and the directory of its file.
fn database(backend: Backend) -> (String, tempfile::TempDir) {
    let files = tempfile::tempdir().unwrap();
    let url = match backend {
        Backend::Sqlite => format!("sqlite://{}/test.db?mode=rwc", files.path().display()),
        Backend::Postgres => postgres::database(),
    };
    (url, files)
}

async fn server(database: &str, issuer: &str) -> App {
    let flags = ["--better-auth-url", issuer, "--auth-timeout", "5s"];
    App::on(database, tempfile::tempdir().unwrap(), &flags).await
}

async fn stored(database: &Database) -> Vec<key_set::Model> {
    let system = database.system("tests read what is stored");
    key_set::Entity::find().all(system.connection()).await.unwrap()
}

/// Waits until the stored set contains this key.
async fn until_stored(app: &App, kid: &str) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !stored(&app.database).await.iter().any(|set| set.document.contains(kid)) {
        assert!(std::time::Instant::now() < deadline, "the set is stored");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ready(app: &App) -> (u16, String) {
    let answer = app.anonymous().request(reqwest::Method::GET, "/ready").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn stored_keys_cover_outage(backend: Backend) {
    let (old, key) = (Key::ed25519("withdrawn"), Key::ed25519("current"));
    let (publisher, issuer) = Publisher::start(&[&old]);
    let (url, _files) = database(backend);
    let first = server(&url, &issuer).await;
    assert_eq!(ask(&first, &token_of(&old, &issuer)).await.status, 200);
    until_stored(&first, "withdrawn").await;
    publisher.publish(&[&key]);
    assert_eq!(ask(&first, &token_of(&key, &issuer)).await.status, 200);
    until_stored(&first, "current").await;
    assert_eq!(stored(&first.database).await.len(), 1, "one set for each source");
    publisher.fail();
    let second = server(&url, &issuer).await;
    assert_eq!(ask(&second, &token_of(&key, &issuer)).await.status, 200);
    assert_eq!(ask(&second, &token_of(&old, &issuer)).await.status, 503, "it was withdrawn");
    let (status, report) = ready(&second).await;
    assert_eq!(status, 200, "{report}");
    assert!(report.contains("key set: 1 (EdDSA)") && report.contains("stored"), "{report}");
    let elsewhere = server(&url, "http://127.0.0.1:9").await;
    let token = token_of(&key, "http://127.0.0.1:9");
    assert_eq!(ask(&elsewhere, &token).await.status, 503, "another source's keys");
    make_old(&second.database, TimeDelta::days(1)).await;
    let third = server(&url, &issuer).await;
    assert_eq!(ask(&third, &token_of(&key, &issuer)).await.status, 503, "a day old");
    assert_eq!(ready(&third).await.0, 503);
}

/// Sets the age of the stored keys.
async fn make_old(database: &Database, age: TimeDelta) {
    let system = database.system("tests age what is stored");
    let aged = key_set::Entity::update_many()
        .col_expr(key_set::Column::FetchedAt, (now() - age).into())
        .filter(key_set::Column::Source.contains("jwks"));
    aged.exec(system.connection()).await.unwrap();
}

#[tokio::test]
async fn stored_keys_expire_while_in_use() {
    let key = Key::ed25519("stored");
    let (publisher, issuer) = Publisher::start(&[&key]);
    let (url, _files) = database(Backend::Sqlite);
    let first = server(&url, &issuer).await;
    assert_eq!(ask(&first, &token_of(&key, &issuer)).await.status, 200);
    until_stored(&first, "stored").await;
    publisher.fail();
    make_old(&first.database, TimeDelta::days(1) - TimeDelta::seconds(10)).await;
    let second = server(&url, &issuer).await;
    let token = token_of(&key, &issuer);
    assert_eq!(ask(&second, &token).await.status, 200);
    let began = std::time::Instant::now();
    while ask(&second, &token).await.status == 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "it is accepted for longer");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(ask(&second, &token).await.status, 503);
}

#[tokio::test]
async fn stored_keys_cover_outage_on_sqlite() {
    stored_keys_cover_outage(Backend::Sqlite).await;
}

#[tokio::test]
async fn stored_keys_cover_outage_on_postgres() {
    stored_keys_cover_outage(Backend::Postgres).await;
}

#[tokio::test]
async fn stored_keys_yield_to_an_available_source() {
    let (old, new) = (Key::ed25519("old"), Key::ed25519("new"));
    let (publisher, issuer) = Publisher::start(&[&old]);
    let (url, _files) = database(Backend::Sqlite);
    let first = server(&url, &issuer).await;
    assert_eq!(ask(&first, &token_of(&old, &issuer)).await.status, 200);
    until_stored(&first, "old").await;
    publisher.publish(&[&new]);
    publisher.delay_responses(Duration::from_secs(2));
    let second = server(&url, &issuer).await;
    assert_rejected(&ask(&second, &token_of(&old, &issuer)).await, "its key was withdrawn");
    assert_eq!(ask(&second, &token_of(&new, &issuer)).await.status, 200);
    assert!(!ready(&second).await.1.contains("stored"));
}

#[tokio::test]
async fn only_public_members_are_stored() {
    let mut key = Key::ed25519("public");
    key.public["note"] = "of the operator".into();
    let mut private = Key::ed25519("private");
    private.public["d"] = "AAAA".into();
    let (_, issuer) = Publisher::start(&[&key, &private]);
    let (url, _files) = database(Backend::Sqlite);
    let app = server(&url, &issuer).await;
    assert_eq!(ask(&app, &token_of(&key, &issuer)).await.status, 200);
    until_stored(&app, "public").await;
    let document = stored(&app.database).await.remove(0).document;
    assert!(!document.contains("\"d\"") && !document.contains("operator"), "{document}");
}
