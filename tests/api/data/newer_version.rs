//! A database that a newer version has migrated: an older server keeps serving it, and starts on it.

use hallpass_data::Database;
use reqwest::Method;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;

use crate::cli::commands::hallpass_with;
use crate::on_both_databases;
use crate::support::app::{App, application, config};
use crate::support::callers::alice;

/// A migration of a version after this one.
const NEWER: &str = "m99991231_000000_newer";

async fn execute(database: &Database, sql: &str) {
    let connection = database.system("tests act as another version").connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.execute_raw(statement).await.unwrap();
}

async fn ready(app: &App) -> (u16, String) {
    let answer = app.anonymous().request(Method::GET, "/ready").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Does what a newer version does first: it adds a column, and states it.
async fn expand(database: &Database) {
    execute(database, "ALTER TABLE task ADD COLUMN newer TEXT NOT NULL DEFAULT 'x'").await;
    let applied =
        format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{NEWER}', 0)");
    execute(database, &applied).await;
}

on_both_databases! {
    async fn older_server_serves_a_newer_database(app: App) {
        expand(&app.database).await;
        let (status, report) = ready(&app).await;
        assert_eq!((status, report.lines().next()), (200, Some("ready")));
        let alice = app.by_jwt(&alice());
        let create = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { title } } }";
        let created = alice.data_with(create, json!({"input": {"title": "old"}})).await;
        assert_eq!(created["createTask"]["task"]["title"], "old");
        assert_eq!(alice.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 1);
    }

    async fn server_without_its_migrations_is_not_ready(app: App) {
        expand(&app.database).await;
        execute(&app.database, "DELETE FROM seaql_migrations WHERE version LIKE '%_erased_users'").await;
        assert_eq!(ready(&app).await, (503, "not ready: migrations\n".to_owned()));
    }
}

#[tokio::test]
async fn older_server_starts_on_a_newer_database() {
    let postgres = crate::support::postgres::database();
    let files = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    for (url, row_security) in [(&sqlite, "off"), (&postgres, "off"), (&postgres, "on")] {
        let flags = ["--better-auth-url", "http://127.0.0.1:9", "--database-url", url];
        let config = config(&[&flags[..], &["--row-security", row_security]].concat());
        hallpass::app::migrate(application(), &config).await.unwrap();
        let database = hallpass::app::open_for_migration(&config).await.unwrap();
        if row_security == "off" {
            expand(&database).await;
        }
        hallpass::app::migrate(application(), &config).await.unwrap();
        let status = hallpass_with(&["migrate", "status"], &[("DATABASE_URL", url)]);
        let newer = format!("applied {NEWER} (of a newer version)");
        assert!(status.stdout.lines().any(|line| line == newer), "{}", status.stdout);
        let doctor = hallpass_with(&["doctor", "--json"], &[("DATABASE_URL", url)]);
        assert!(
            doctor.stdout.contains("are applied, and 1 of a newer version"),
            "{}",
            doctor.stdout
        );
    }
}
