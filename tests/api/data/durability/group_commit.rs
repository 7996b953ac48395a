//! SQLite: what is acknowledged is on the disk. Writes that commit at the same time share one write to it.

use std::path::Path;
use std::process::Command;

use futures_util::future::join_all;
use reqwest::Method;

use super::{CREATE_TASK, case, mutations};
use crate::support::app::{App, Backend};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;

/// The writes of the log to the disk so far.
async fn syncs(app: &App) -> Option<u64> {
    let metrics = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let count = metrics.lines().find_map(|it| it.strip_prefix("hallpass_db_log_syncs_total "))?;
    Some(count.parse().unwrap())
}

#[tokio::test]
async fn mutations_are_on_disk_when_acknowledged() {
    let app = App::with(Backend::Sqlite, &["--sqlite-synchronous", "full"]).await;
    for field in mutations() {
        let case = case(&app, &field).await;
        let before = syncs(&app).await.unwrap();
        app.by_jwt(&case.who).data(&case.document).await;
        assert!(syncs(&app).await.unwrap() > before, "{field} was acknowledged too early");
    }
}

#[tokio::test]
async fn concurrent_mutations_are_all_stored() {
    let app = App::with(Backend::Sqlite, &["--sqlite-synchronous", "full"]).await;
    let who = app.by_jwt(&alice());
    join_all((0..50).map(|_| who.data(CREATE_TASK))).await;
    assert_eq!(who.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 50);
}

#[tokio::test]
async fn relaxed_durability_waits_for_no_disk() {
    let app = App::with(Backend::Sqlite, &["--sqlite-synchronous", "normal"]).await;
    app.by_jwt(&alice()).data(CREATE_TASK).await;
    assert_eq!(syncs(&app).await, None);
}

/// The tasks that another process reads.
fn tasks_of(database: &Path) -> String {
    let program = "import sqlite3, sys\nprint(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM task').fetchone()[0])";
    let output = Command::new("python3").args(["-c", program]).arg(database).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn linked_database_keeps_its_log() {
    let files = tempfile::tempdir().unwrap();
    let (real, link) = (files.path().join("real.db"), files.path().join("link.db"));
    std::fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let url = format!("sqlite://{}?mode=rwc", link.display());
    let settings = ["--better-auth-url", Issuer::shared().url(), "--sqlite-synchronous", "full"];
    let app = App::on(&url, files, &settings).await;
    for count in ["1", "2", "3"] {
        let before = syncs(&app).await.unwrap();
        app.by_jwt(&alice()).data(CREATE_TASK).await;
        assert!(syncs(&app).await.unwrap() > before, "the log is beside the real file");
        // The last process that closes a database removes its log.
        assert_eq!(tasks_of(&real), count);
    }
}
