//! A commit that fails: the database reports the error when the statement, or the transaction, is done.

use hallpass_data::{Database, Error, Options, Set, Update};
use hallpass_entity::task;
use sea_orm::{ConnectionTrait as _, DbBackend, IntoActiveModel as _, Statement};

use super::{case, failed, mutations, outcomes, succeeded, tables};
use crate::on_both_databases;
use crate::support::app::{App, Backend};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;
use crate::support::postgres;
use crate::support::socket::Socket;

/// A full disk on PostgreSQL, reported as late as possible.
const FAIL: &str = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$";

async fn run(app: &App, sql: &str) {
    let system = app.database.system("tests make commits fail");
    system.connection().execute_unprepared(sql).await.unwrap();
}

fn is_postgres(app: &App) -> bool {
    let system = app.database.system("tests make commits fail");
    system.connection().get_database_backend() == DbBackend::Postgres
}

/// Makes each change of a row fail when it is committed, and not before.
async fn commits_fail(app: &App) {
    if is_postgres(app) {
        run(app, FAIL).await;
    } else {
        run(app, "CREATE TABLE doomed_parent (id INTEGER PRIMARY KEY)").await;
        run(app, "CREATE TABLE doomed (id INTEGER REFERENCES doomed_parent DEFERRABLE INITIALLY DEFERRED)").await;
    }
    for table in tables(&app.database).await {
        if is_postgres(app) {
            run(
                app,
                &format!(
                    "CREATE CONSTRAINT TRIGGER fail AFTER INSERT OR UPDATE OR DELETE ON \"{table}\"
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
                ),
            )
            .await;
            continue;
        }
        for change in ["INSERT", "UPDATE", "DELETE"] {
            run(
                app,
                &format!(
                    "CREATE TRIGGER fail_{table}_{change} AFTER {change} ON \"{table}\"
                BEGIN INSERT INTO doomed VALUES (1); END"
                ),
            )
            .await;
        }
    }
}

async fn commits_succeed(app: &App) {
    if is_postgres(app) {
        return run(app, "DROP FUNCTION fail CASCADE").await;
    }
    for table in tables(&app.database).await {
        for change in ["INSERT", "UPDATE", "DELETE"] {
            run(app, &format!("DROP TRIGGER fail_{table}_{change}")).await;
        }
    }
    run(app, "DROP TABLE doomed").await;
    run(app, "DROP TABLE doomed_parent").await;
}

async fn make(app: &App, title: &str) {
    let make =
        format!("mutation {{ createTask(input: {{title: \"{title}\"}}) {{ task {{ id }} }} }}");
    app.by_jwt(&alice()).data(&make).await;
}

/// Every mutation of the schema, while commits fail and then while they succeed.
async fn no_mutation_precedes_its_commit(app: App, database: &Database) {
    let app = app.with_courses().await;
    let token = Issuer::shared().token(&alice().claims());
    let mut socket = Socket::by_bearer(&app, &token).await;
    socket.subscribe_to_tasks("tasks", &app.by_jwt(&alice())).await;
    for field in mutations() {
        let case = case(&app, &field).await;
        make(&app, "before").await;
        while socket.next_task_event().await.1 != "before" {}
        commits_fail(&app).await;
        let answer = failed(&app, database, &field, &case).await;
        if is_postgres(&app) {
            assert_eq!(answer.codes(), ["UNAVAILABLE"], "{field}");
        }
        let outcomes = outcomes(&app, &answer).await;
        assert!(!outcomes.iter().any(|outcome| outcome == "ALLOWED"), "{field}: {outcomes:?}");
        commits_succeed(&app).await;
        make(&app, "after").await;
        let next = socket.next_task_event().await;
        assert_eq!(next, ("CREATED".to_owned(), "after".into()), "{field} published an event");
        succeeded(&app, database, &field, &case).await;
    }
}

#[tokio::test]
async fn no_mutation_precedes_its_commit_sqlite() {
    let app = App::start(Backend::Sqlite).await;
    let database = app.database.clone();
    no_mutation_precedes_its_commit(app, &database).await;
}

#[tokio::test]
async fn no_mutation_precedes_its_commit_postgres() {
    let app = App::start(Backend::Postgres).await;
    let database = app.database.clone();
    no_mutation_precedes_its_commit(app, &database).await;
}

#[tokio::test]
async fn no_mutation_precedes_its_commit_row_security() {
    let flags = ["--better-auth-url", Issuer::shared().url(), "--row-security", "on"];
    let files = tempfile::tempdir().unwrap();
    let url = postgres::plain_database();
    let app = App::on(&url, files, &flags).await;
    let superuser = url.replacen(postgres::PLAIN, "hallpass", 1);
    let database = Database::connect(Options::at(superuser)).await.unwrap();
    no_mutation_precedes_its_commit(app, &database).await;
}

/// On SQLite a statement commits after its last row.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "this is the method whose replacement is tested")]
async fn commit_error_after_last_row_is_reported() {
    let app = App::start(Backend::Sqlite).await;
    make(&app, "before").await;
    commits_fail(&app).await;
    let system = app.database.system("tests make commits fail");
    let sql = "UPDATE task SET title = 'after' RETURNING id";
    let sql = Statement::from_string(DbBackend::Sqlite, sql);
    let changed = system.read(async |conn| conn.query_one_raw(sql).await).await;
    assert!(changed.is_err(), "the commit failed without an error");
}

on_both_databases! {
    async fn open_savepoint_prevents_the_commit(app: App) {
        make(&app, "before").await;
        let scope = app.scope_of(&alice());
        let row = scope.owned::<task::Entity>().unwrap().one().await.unwrap().unwrap();
        let together = scope.begin().await.unwrap();
        let within = together.begin().await.unwrap();
        let change = task::ActiveModel { title: Set("changed".to_owned()), ..Default::default() };
        within.owned::<task::Entity>().unwrap().update(Update::set(change)).await.unwrap();
        drop(within);
        assert!(together.commit().await.is_err());
        assert_eq!(scope.owned::<task::Entity>().unwrap().all().await.unwrap(), [row]);
    }

    /// PostgreSQL would answer the commit with a rollback, and report success.
    async fn failed_statement_prevents_the_commit(app: App) {
        app.by_jwt(&alice()).data("mutation { createTask(input: {title: \"t\"}) { task { id } } }").await;
        let scope = app.scope_of(&alice());
        let row = scope.owned::<task::Entity>().unwrap().one().await.unwrap().unwrap();
        let together = scope.begin().await.unwrap();
        let tasks = || together.owned::<task::Entity>().unwrap();
        let change = task::ActiveModel { title: Set("changed".to_owned()), ..Default::default() };
        tasks().update(Update::set(change)).await.unwrap();
        let again = together.insert::<task::Entity>(row.clone().into_active_model()).await;
        assert!(matches!(again, Err(Error::UniqueViolation(_))), "{again:?}");
        assert!(together.commit().await.is_err());
        assert_eq!(scope.owned::<task::Entity>().unwrap().all().await.unwrap(), [row]);
    }
}
