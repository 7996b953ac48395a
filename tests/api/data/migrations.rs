//! Migrations of an application without tables of its own: those of the core.

use hallpass_data::Database;
use hallpass_migration::{Migrator, MigratorTraitSelf as _};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use crate::support::app::{Backend, config};

const CORE_TABLES: [&str; 8] = [
    "audit_event",
    "erased_user",
    "idempotency_key",
    "key_set",
    "known_user",
    "known_user_search",
    "revocation",
    "seen_session",
];

/// The tables, without those of the migration library and of the full-text index of SQLite.
async fn tables(database: &Database) -> Vec<String> {
    let connection = database.system("tests list the tables").connection();
    let backend = connection.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => {
            "SELECT tablename::text AS v FROM pg_tables WHERE schemaname = 'public'"
        }
        _ => {
            "SELECT name AS v FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
                AND name NOT LIKE 'sqlite_%'"
        }
    };
    let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
    let mut names: Vec<String> = rows.iter().map(|row| row.try_get("", "v").unwrap()).collect();
    names.retain(|name| name != "seaql_migrations");
    names.sort();
    names
}

async fn creates_and_drops_its_tables(backend: Backend) {
    let files = tempfile::tempdir().unwrap();
    let url = match backend {
        Backend::Postgres => crate::support::postgres::empty_database(),
        Backend::Sqlite => format!("sqlite://{}/test.db?mode=rwc", files.path().display()),
    };
    let config = config(&["--better-auth-url", "http://127.0.0.1:9", "--database-url", &url]);
    let database = hallpass::app::open_for_migration(&config).await.unwrap();
    let connection = database.system("tests migrate").connection();
    let core = Migrator::new(Vec::new());
    core.up(connection, None).await.unwrap();
    assert_eq!(tables(&database).await, CORE_TABLES);
    assert!(!core.status(connection).await.unwrap().has_pending());
    core.down(connection, None).await.unwrap();
    assert_eq!(tables(&database).await, [] as [&str; 0]);
    core.up(connection, None).await.unwrap();
}

#[tokio::test]
async fn core_creates_its_tables_on_sqlite() {
    creates_and_drops_its_tables(Backend::Sqlite).await;
}

#[tokio::test]
async fn core_creates_its_tables_on_postgres() {
    creates_and_drops_its_tables(Backend::Postgres).await;
}
