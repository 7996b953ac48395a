//! SQLite files: their permissions, and the errors if they are read-only.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use reqwest::Method;

use crate::cli::commands::command;
use crate::support::app::{App, config};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn database_files_are_private_to_their_owner() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("test.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let app = App::on(&url, files, &["--better-auth-url", Issuer::shared().url()]).await;
    app.by_jwt(&alice())
        .data("mutation { createTask(input: {title: \"t\"}) { task { id } } }")
        .await;
    for end in ["", "-wal", "-shm"] {
        let file = format!("{}{end}", path.display());
        assert_eq!(mode(Path::new(&file)), 0o600, "{file}");
    }
}

#[test]
fn development_key_is_private_to_its_owner() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("key.der");
    hallpass_identity::DevTokenIssuer::load_or_create(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
}

/// Migrates a database in a directory of its own.
async fn migrated() -> tempfile::TempDir {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let issuer = ["--better-auth-url", Issuer::shared().url(), "--database-url", &url];
    hallpass::app::migrate(crate::support::app::application(), &config(&issuer)).await.unwrap();
    files
}

/// The doctor's output about the database at `url`.
fn doctor(directory: &Path, url: &str) -> (String, bool) {
    let variables =
        [("DATABASE_URL", url), ("JWT_SECRET", "a secret that is long enough for HS256")];
    let output = command(directory, &["doctor"], &variables).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.success())
}

#[tokio::test]
async fn read_only_database_is_not_ready() {
    let files = migrated().await;
    let url = format!("sqlite://{}/test.db?mode=ro", files.path().display());
    let directory = files.path().to_owned();
    let app = App::on(&url, files, &["--better-auth-url", Issuer::shared().url()]).await;
    let ready = app.anonymous().request(Method::GET, "/ready").send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.text().await.unwrap(), "not ready: database: read-only\n");
    let who = app.by_jwt(&alice());
    let answer = who.ask("mutation { createTask(input: {title: \"t\"}) { task { id } } }").await;
    assert_eq!(answer.codes(), ["UNAVAILABLE"]);
    who.data("{ tasks { totalCount } }").await;
    let (reported, is_good) = doctor(&directory, &url);
    assert!(reported.contains("is not writable: read-only"), "{reported}");
    assert!(!is_good);
}
