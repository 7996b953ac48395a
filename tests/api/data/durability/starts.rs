//! Servers that start at the same time on one empty database.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use hallpass_data::Reason;

use crate::cli::commands::command;
use crate::support::app::config;
use crate::support::issuer::Issuer;
use crate::support::postgres;

/// Starts a command several times at once, and checks that each succeeds.
fn at_once(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) {
    let start = || -> Child {
        let mut command = command(directory, arguments, variables);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..6).map(|_| start()).collect();
    for mut child in children {
        let mut message = String::new();
        child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
        assert!(child.wait().unwrap().success(), "{message}");
    }
}

#[test]
fn concurrent_migrations_succeed() {
    let files = tempfile::tempdir().unwrap();
    at_once(files.path(), &["migrate", "up"], &[]);
    at_once(files.path(), &["migrate", "up"], &[("DATABASE_URL", &postgres::empty_database())]);
}

/// Development servers, which also load demo rows.
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
        // Printed once the server serves; a server that failed prints nothing.
        let mut first = [0; 8];
        let reported = server.stdout.take().unwrap().read_exact(&mut first);
        let _ = server.kill();
        server.wait().unwrap();
        let mut message = String::new();
        server.stderr.take().unwrap().read_to_string(&mut message).unwrap();
        assert!(reported.is_ok(), "{message}");
        assert_eq!(&first, b"Hallpass");
    }
}

#[tokio::test]
async fn concurrent_starts_seed_sqlite_once() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    servers_start_at_once(&url).await;
    let options = hallpass_data::Options::at(url);
    let database = hallpass_data::Database::connect(options).await.unwrap();
    let system = database.system("tests count rows");
    let sql = "SELECT owner_id AS v FROM task GROUP BY owner_id HAVING count(*) != 5";
    assert_eq!(super::texts(system.connection(), sql).await, Vec::<String>::new());
}

#[tokio::test]
async fn concurrent_starts_seed_postgres_once() {
    servers_start_at_once(&postgres::empty_database()).await;
}

#[tokio::test]
async fn exclusive_work_waits_for_the_lock() {
    let files = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    for url in [file, postgres::empty_database()] {
        let config = config(&["--better-auth-url", Issuer::shared().url(), "--database-url", &url]);
        let open = async || {
            hallpass::app::open(crate::support::app::application(), &config, |_| {}).await.unwrap()
        };
        let (one, other) = (open().await, open().await);
        let first = one.exclusively(Duration::from_secs(5)).await.unwrap();
        let began = Instant::now();
        let rejected = other.exclusively(Duration::from_millis(100)).await.err().unwrap();
        assert_eq!(rejected.reason(), Some(Reason::Locked), "{rejected}");
        assert!(began.elapsed() < Duration::from_secs(8));
        first.commit().await.unwrap();
        other.exclusively(Duration::from_secs(5)).await.unwrap().commit().await.unwrap();
    }
}
