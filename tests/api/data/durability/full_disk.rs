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

use super::{TIMEOUT, case, failed, mutations, outcomes, succeeded, tables};
use crate::identity::revocation::{Push, SECRET};
use crate::support::app::App;
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;

/// A disk that can be filled.
enum SmallDisk {
    /// A file system of its own, unmounted on drop.
    Mounted(PathBuf),
    /// The limit of SQLite's pages, in each connection of the server.
    PageLimit,
}

/// Pages before the limit in [`SmallDisk::PageLimit`].
const FREE_PAGES: i64 = 100;
/// More than the free pages of the database.
const BALLAST: &str = "INSERT INTO doomed VALUES (zeroblob(16000000))";

impl SmallDisk {
    /// None if this process may not mount: only root may.
    fn mount(parent: &Path, size: &str) -> Option<Self> {
        let path = parent.join("disk");
        std::fs::create_dir(&path).unwrap();
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self::Mounted(path))
    }

    /// Fills the disk, so that each write needs new space: on a file system, SQLite's WAL has no pages left to
    /// overwrite; with a page limit, each changed row adds another one, which is too large.
    async fn fill(&self, app: &App) {
        match self {
            Self::Mounted(path) => {
                execute(app, "PRAGMA wal_checkpoint(TRUNCATE)").await;
                let mut ballast = File::create(path.join("ballast")).unwrap();
                while ballast.write_all(&[0; 512]).is_ok() {}
            }
            Self::PageLimit => {
                execute(app, "CREATE TABLE IF NOT EXISTS doomed (ballast BLOB)").await;
                for table in tables(&app.database).await {
                    for change in ["INSERT", "UPDATE", "DELETE"] {
                        let trigger = format!(
                            "CREATE TRIGGER full_{table}_{change} AFTER {change} ON \"{table}\" \
                             BEGIN {BALLAST}; END"
                        );
                        execute(app, &trigger).await;
                    }
                }
                self.limit_pages(app).await;
            }
        }
    }

    /// Sets the page limit in every connection. A connection that was opened since has none.
    async fn limit_pages(&self, app: &App) {
        if let Self::PageLimit = self {
            let system = app.database.system("tests fill the disk");
            let pages = "SELECT CAST(page_count AS TEXT) AS v FROM pragma_page_count";
            let pages = super::texts(system.connection(), pages).await;
            set_page_limit(app, pages[0].parse::<i64>().unwrap() + FREE_PAGES).await;
        }
    }

    async fn make_room(&self, app: &App) {
        match self {
            Self::Mounted(path) => std::fs::remove_file(path.join("ballast")).unwrap(),
            Self::PageLimit => {
                for table in tables(&app.database).await {
                    for change in ["INSERT", "UPDATE", "DELETE"] {
                        execute(app, &format!("DROP TRIGGER full_{table}_{change}")).await;
                    }
                }
                set_page_limit(app, i64::from(u32::MAX - 1)).await;
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Self::Mounted(path) = self {
            // A process with an open file keeps the file system until it closes it.
            let _ = Command::new("umount").arg("-l").arg(path).status();
        }
    }
}

async fn execute(app: &App, sql: &str) {
    let system = app.database.system("tests fill the disk");
    system.connection().execute_unprepared(sql).await.unwrap();
}

async fn set_page_limit(app: &App, pages: i64) {
    app.database.on_each_connection(&format!("PRAGMA max_page_count = {pages}")).await.unwrap();
}

/// Servers whose database is on a small disk: on a file system of its own, if this process may mount one, and with a
/// page limit.
async fn on_small_disks(size: &str) -> Vec<(App, SmallDisk, String)> {
    let mut all = Vec::new();
    for mounts in [true, false] {
        let files = tempfile::tempdir().unwrap();
        let disk = match mounts {
            true => SmallDisk::mount(files.path(), size),
            false => Some(SmallDisk::PageLimit),
        };
        let Some(disk) = disk else { continue };
        let directory = match &disk {
            SmallDisk::Mounted(path) => path,
            SmallDisk::PageLimit => files.path(),
        };
        let url = format!("sqlite://{}/test.db?mode=rwc", directory.display());
        let flags = ["--better-auth-url", Issuer::shared().url(), "--revocation-secret", SECRET];
        all.push((App::on(&url, files, &flags).await, disk, url));
    }
    all
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
    for (app, disk, _) in on_small_disks("3m").await {
        acknowledges_only_stored_rows(&app, &disk).await;
    }
}

async fn acknowledges_only_stored_rows(app: &App, disk: &SmallDisk) {
    disk.limit_pages(app).await;
    let who = app.by_jwt(&alice());
    let make = "mutation($text: String!) {
        createTask(input: {title: \"t\", description: $text}) { task { id } } }";
    let (mut kept, mut rejected) = (0, 0);
    while rejected < 20 {
        assert!(kept < 2000, "the disk is never full");
        let answer = who.ask_with(make, json!({"text": "x".repeat(3000)})).await;
        if answer.codes().is_empty() {
            kept += 1;
        } else {
            assert_eq!(answer.codes(), ["UNAVAILABLE"]);
            rejected += 1;
        }
    }
    assert!(kept > 0, "{rejected} rejected");
    let seen = who.data("{ tasks { totalCount } }").await;
    assert_eq!(seen["tasks"]["totalCount"], kept);
}

#[tokio::test]
async fn full_disk_rejects_every_mutation() {
    for (app, disk, _) in on_small_disks("16m").await {
        rejects_every_mutation(app.with_courses().await, &disk).await;
    }
}

async fn rejects_every_mutation(app: App, disk: &SmallDisk) {
    until_ready(&app).await;
    let mut cases = Vec::new();
    for field in mutations() {
        let case = case(&app, &field).await;
        cases.push((field, case));
    }
    disk.fill(&app).await;
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
    disk.make_room(&app).await;
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
    for (app, disk, url) in on_small_disks("8m").await {
        stores_writes_afterwards(app, &disk, &url).await;
    }
}

async fn stores_writes_afterwards(app: App, disk: &SmallDisk, url: &str) {
    let who = app.by_jwt(&alice());
    let tags = (0..20).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(",");
    let make = format!(
        "mutation {{ createTask(input: {{title: \"t\", tags: [{tags}]}}) {{ task {{ id }} }} }}"
    );
    let id = who.data(&make).await["createTask"]["task"]["id"].clone();
    who.data(&format!("mutation {{ deleteTask(id: {id}) {{ deletedTaskId }} }}")).await;
    disk.fill(&app).await;
    let (mut kept, mut rejected) = (0, 0);
    for _ in 0..20 {
        // A connection that is closed may free some space.
        match who.ask(&make).await.codes().as_slice() {
            [] => kept += 1,
            ["UNAVAILABLE"] => rejected += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(rejected > 0);
    disk.make_room(&app).await;
    for _ in 0..20 {
        // A transaction that is rolled back, and a statement without one.
        let gone = format!("mutation {{ deleteTask(id: {id}) {{ deletedTaskId }} }}");
        assert_eq!(who.ask(&gone).await.codes(), ["NOT_FOUND"]);
        who.data("mutation { createTask(input: {title: \"t\"}) { task { id } } }").await;
        kept += 1;
    }
    // Read by another connection, which sees committed rows only.
    let options = hallpass_data::Options::at(url);
    let other = hallpass_data::Database::connect(options).await.unwrap();
    let system = other.system("tests read what is kept");
    let count =
        super::texts(system.connection(), "SELECT CAST(count(*) AS TEXT) AS v FROM task").await;
    assert_eq!(count, [kept.to_string()]);
}
