//! Backup and restore: a server on the restored database answers as the one that was backed up.

use std::process::Command;

use serde_json::{Value, json};
use sqlx::Connection as _;

use super::output;
use crate::cli::commands::{Process, command, run};
use crate::support::app::client;
use crate::support::postgres;

const KEY: &str = "hallpass-dev-key.der";

async fn ask(server: &Process, query: &str) -> Value {
    let token =
        run(&mut command(server.directory.path(), &["token", "--as", "premium"], &[])).stdout;
    let request = client().post(format!("{}/graphql", server.url)).bearer_auth(token.trim());
    request.json(&json!({"query": query})).send().await.unwrap().json().await.unwrap()
}

const READ: &str =
    "{ me { id } tasks(first: 50) { totalCount nodes { id title tags version createdAt } }
    chapters { totalCount nodes { id title progress { percent } } } }";

/// A server with rows of a user, and what it answers.
async fn with_rows(variables: &[(&str, &str)]) -> (Process, Value) {
    let server = Process::start(variables);
    for number in 0..3 {
        let create = format!(
            "mutation {{ createTask(input: {{title: \"Backed up {number}\"}}) {{ task {{ id }} }} }}"
        );
        assert_eq!(ask(&server, &create).await["errors"], Value::Null);
    }
    let answer = ask(&server, READ).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    assert!(answer["data"]["tasks"]["totalCount"].as_u64().unwrap() > 3, "{answer}");
    (server, answer)
}

/// A directory with the signing key of a server, for one that accepts the same tokens.
fn with_key_of(server: &Process) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(server.directory.path().join(KEY), directory.path().join(KEY)).unwrap();
    directory
}

#[tokio::test]
async fn restored_sqlite_database_answers_the_same() {
    let (server, before) = with_rows(&[]).await;
    // While the server runs, and writes.
    let database = format!("sqlite://{}/hallpass.db", server.directory.path().display());
    let restored = with_key_of(&server);
    let copy = restored.path().join("hallpass.db");
    let mut backup = sqlx::SqliteConnection::connect(&database).await.unwrap();
    let vacuum = sqlx::AssertSqlSafe(format!("VACUUM INTO '{}'", copy.display()));
    sqlx::query(vacuum).execute(&mut backup).await.unwrap();
    backup.close().await.unwrap();
    let later = "mutation { createTask(input: {title: \"After the backup\"}) { task { id } } }";
    assert_eq!(ask(&server, later).await["errors"], Value::Null);
    drop(server);
    let second = Process::start_in(restored, &[]);
    assert_eq!(ask(&second, READ).await, before);
}

#[tokio::test]
async fn restored_postgres_database_answers_the_same() {
    // Of a role to which row-level security applies.
    let (first, second) = (postgres::plain_database(), postgres::plain_database());
    let row_security = ("ROW_SECURITY", "on");
    let (server, before) = with_rows(&[("DATABASE_URL", &first), row_security]).await;
    let file = server.directory.path().join("hallpass.dump");
    let mut dump = Command::new(postgres::program("pg_dump"));
    output(
        dump.args(["--format=custom", "--no-owner", "--enable-row-security", "--file"])
            .arg(&file)
            .arg(&first),
    );
    let mut restore = Command::new(postgres::program("pg_restore"));
    let restore = restore.args(["--no-owner", "--exit-on-error", "--single-transaction"]);
    output(restore.args(["--dbname", &second]).arg(&file));
    let server =
        Process::start_in(with_key_of(&server), &[("DATABASE_URL", &second), row_security]);
    assert_eq!(ask(&server, READ).await, before);
}
