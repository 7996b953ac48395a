//! A full disk: acknowledged writes are stored, others fail with UNAVAILABLE, and the server reports the
//! cause.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hallpass_data::{now, revocation};
use reqwest::Method;
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use super::{TIMEOUT, case, failed, mutations, outcomes, succeeded};
use crate::identity::revocation::{Push, SECRET};
use crate::support::app::App;
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;

/// A file system of this size, unmounted on drop.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// None if this process may not mount: only root may.
    fn mount(parent: &Path, size: &str) -> Option<Self> {
        let path = parent.join("disk");
        std::fs::create_dir(&path).unwrap();
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { path })
    }

    /// Writes a file until the disk is full.
    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        while ballast.write_all(&[0; 512]).is_ok() {}
    }

    fn ballast(&self) -> PathBuf {
        self.path.join("ballast")
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A process with an open file keeps the file system until it closes it.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// Fills the disk, so that each write needs new space: SQLite's WAL has no pages left to overwrite.
async fn fill(app: &App, disk: &SmallDisk) {
    let system = app.database.system("tests empty the log of SQLite");
    let empty = "PRAGMA wal_checkpoint(TRUNCATE)";
    system.connection().execute_unprepared(empty).await.unwrap();
    disk.fill();
}

/// A server whose database is on a small disk; none if this process may not mount one.
async fn on_small_disk(size: &str) -> Option<(App, SmallDisk)> {
    let files = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(files.path(), size)?;
    let url = format!("sqlite://{}/test.db?mode=rwc", disk.path.display());
    let flags = ["--better-auth-url", Issuer::shared().url(), "--revocation-secret", SECRET];
    Some((App::on(&url, files, &flags).await, disk))
}

async fn ready(app: &App) -> (u16, String) {
    let answer = app.anonymous().request(Method::GET, "/ready").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn until_ready(app: &App) {
    let began = Instant::now();
    while ready(app).await.0 != 200 {
        assert!(began.elapsed() < TIMEOUT, "it does not recover: {:?}", ready(app).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn full_disk_acknowledges_only_stored_rows() {
    let Some((app, _disk)) = on_small_disk("3m").await else { return };
    let who = app.by_jwt(&alice());
    let make = "mutation($text: String!) {
        createTask(input: {title: \"t\", description: $text}) { id } }";
    let (mut kept, mut refused) = (0, 0);
    while refused < 20 {
        assert!(kept < 2000, "the disk is never full");
        let answer = who.ask_with(make, json!({"text": "x".repeat(3000)})).await;
        if answer.codes().is_empty() {
            kept += 1;
        } else {
            assert_eq!(answer.codes(), ["UNAVAILABLE"]);
            refused += 1;
        }
    }
    assert!(kept > 0, "{refused} refused");
    let seen = who.data("{ tasks { totalCount } }").await;
    assert_eq!(seen["tasks"]["totalCount"], kept);
}

#[tokio::test]
async fn full_disk_rejects_every_mutation() {
    let Some((app, disk)) = on_small_disk("16m").await else { return };
    let app = app.with_courses().await;
    until_ready(&app).await;
    let mut cases = Vec::new();
    for field in mutations() {
        let case = case(&app, &field).await;
        cases.push((field, case));
    }
    fill(&app, &disk).await;
    let mut answers = Vec::new();
    for (field, case) in &cases {
        let answer = failed(&app, &app.database, field, case).await;
        assert_eq!(answer.codes(), ["UNAVAILABLE"], "{field}");
        answers.push((field, answer));
    }
    assert_eq!(ready(&app).await, (503, "not ready: database: disk full\n".to_owned()));
    let push = Push::user(bob().id());
    assert_eq!(push.to(&app).await, 503, "it is to be sent again");
    let system = app.database.system("tests act as the server");
    let row = revocation::Model {
        id: "msg".to_owned(),
        session_id: None,
        user_id: Some("unknown".to_owned()),
        revoked_at: now(),
        heard_at: now(),
        state: None,
    };
    let full = system.insert_revocation(row).await.unwrap_err();
    assert!(full.to_string().contains("(disk full)"), "{full}");
    disk.make_room();
    until_ready(&app).await;
    assert_eq!(push.to(&app).await, 204);
    for (field, case) in &cases {
        succeeded(&app, &app.database, field, case).await;
    }
    for (field, answer) in &answers {
        let outcomes = outcomes(&app, answer).await;
        assert!(!outcomes.iter().any(|outcome| outcome == "ALLOWED"), "{field}: {outcomes:?}");
    }
}

/// A transaction that a full disk ended stays open nowhere: the next write is not lost with it.
#[tokio::test]
async fn write_after_full_disk_is_stored() {
    let Some((app, disk)) = on_small_disk("8m").await else { return };
    let who = app.by_jwt(&alice());
    let tags = (0..20).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(",");
    let make =
        format!("mutation {{ createTask(input: {{title: \"t\", tags: [{tags}]}}) {{ id }} }}");
    let id = who.data(&make).await["createTask"]["id"].clone();
    who.data(&format!("mutation {{ deleteTask(id: {id}) }}")).await;
    fill(&app, &disk).await;
    let (mut kept, mut refused) = (0, 0);
    for _ in 0..20 {
        // A connection that is closed may free some space.
        match who.ask(&make).await.codes().as_slice() {
            [] => kept += 1,
            ["UNAVAILABLE"] => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 0);
    disk.make_room();
    for _ in 0..20 {
        // A transaction that is rolled back, and a statement without one.
        let gone = format!("mutation {{ deleteTask(id: {id}) }}");
        assert_eq!(who.ask(&gone).await.codes(), ["NOT_FOUND"]);
        who.data("mutation { createTask(input: {title: \"t\"}) { id } }").await;
        kept += 1;
    }
    // Read by another connection, which sees committed rows only.
    let url = format!("sqlite://{}/test.db", disk.path.display());
    let options = hallpass_data::Options::at(url);
    let other = hallpass_data::Database::connect(options).await.unwrap();
    let system = other.system("tests read what is kept");
    let count =
        super::texts(system.connection(), "SELECT CAST(count(*) AS TEXT) AS v FROM task").await;
    assert_eq!(count, [kept.to_string()]);
}
