//! Servers that start at the same time on one empty database.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use hallpass_data::Reason;

use crate::app::config;
use crate::command_line::command;
use crate::issuer::Issuer;
use crate::postgres;

/// Starts a command so many times at once, and says how each ended.
fn at_once(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) {
    let start = || -> Child {
        let mut command = command(directory, arguments, variables);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..6).map(|_| start()).collect();
    for mut child in children {
        let mut complaint = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        assert!(child.wait().unwrap().success(), "{complaint}");
    }
}

#[test]
fn migrations_at_once_succeed() {
    let files = tempfile::tempdir().unwrap();
    at_once(files.path(), &["migrate", "up"], &[]);
    at_once(files.path(), &["migrate", "up"], &[("DATABASE_URL", &postgres::empty_database())]);
}

/// Development servers, which fill the database too.
async fn servers_start_at_once(url: &str) {
    let files = tempfile::tempdir().unwrap();
    let port = ["--api-port", "0", "--database-url", url];
    let servers: Vec<_> = (0..4)
        .map(|_| {
            let mut command = command(files.path(), &port, &[]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for mut server in servers {
        // Said once it serves; nothing is said by one that failed.
        let mut first = [0; 8];
        let said = server.stdout.take().unwrap().read_exact(&mut first);
        let _ = server.kill();
        server.wait().unwrap();
        let mut complaint = String::new();
        server.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        assert!(said.is_ok(), "{complaint}");
        assert_eq!(&first, b"Hallpass");
    }
}

#[tokio::test]
async fn servers_at_once_fill_one_file_once() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    servers_start_at_once(&url).await;
    let options = hallpass_data::Options::at(url);
    let database = hallpass_data::Database::connect(options).await.unwrap();
    let system = database.system("tests count what is there");
    let sql = "SELECT owner_id AS v FROM task GROUP BY owner_id HAVING count(*) != 5";
    assert_eq!(super::texts(system.connection(), sql).await, Vec::<String>::new());
}

#[tokio::test]
async fn servers_at_once_fill_one_postgres_once() {
    servers_start_at_once(&postgres::empty_database()).await;
}

#[tokio::test]
async fn work_alone_waits_for_the_other() {
    let files = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    for url in [file, postgres::empty_database()] {
        let config = config(&["--better-auth-url", Issuer::shared().url(), "--database-url", &url]);
        let open = async || hallpass::app::open(&config, |_| {}).await.unwrap();
        let (one, other) = (open().await, open().await);
        let first = one.exclusively(Duration::from_secs(5)).await.unwrap();
        let began = Instant::now();
        let refused = other.exclusively(Duration::from_millis(100)).await.err().unwrap();
        assert_eq!(refused.reason(), Some(Reason::Locked), "{refused}");
        assert!(began.elapsed() < Duration::from_secs(8));
        first.commit().await.unwrap();
        other.exclusively(Duration::from_secs(5)).await.unwrap().commit().await.unwrap();
    }
}
