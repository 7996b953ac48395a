//! A statement that runs too long is cancelled, on both databases.

use std::time::{Duration, Instant};

use hallpass_data::{Database, Error, Options};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use crate::support::app::{App, Backend};
use crate::support::callers::alice;
use crate::support::postgres;

/// Counts without end.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) AS v FROM n";
const TIMEOUT: Duration = Duration::from_millis(500);

async fn run(database: &Database, sql: &str) -> Result<(), Error> {
    let system = database.system("tests run a slow statement");
    let sql = Statement::from_string(system.connection().get_database_backend(), sql);
    system.read(async |conn| conn.query_all_raw(sql).await).await.map(drop)
}

/// The databases, with one connection each.
async fn databases(files: &tempfile::TempDir) -> Vec<Database> {
    let sqlite = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let mut all = Vec::new();
    for url in [sqlite, postgres::database()] {
        let options = Options { statement_timeout: Some(TIMEOUT), ..Options::at(url) };
        all.push(Database::connect(options).await.unwrap());
    }
    all
}

#[tokio::test]
async fn slow_statement_is_cancelled() {
    let files = tempfile::tempdir().unwrap();
    for database in databases(&files).await {
        for _ in 0..2 {
            let began = Instant::now();
            let error = run(&database, ENDLESS).await.unwrap_err();
            assert!(matches!(error, Error::Timeout(_)), "{error:?}");
            assert!((TIMEOUT..TIMEOUT * 8).contains(&began.elapsed()), "{:?}", began.elapsed());
            run(&database, "SELECT 1 AS v").await.unwrap();
        }
    }
}

#[tokio::test]
async fn abandoned_statement_is_cancelled() {
    let files = tempfile::tempdir().unwrap();
    for database in databases(&files).await {
        let abandoned = tokio::time::timeout(TIMEOUT / 5, run(&database, ENDLESS)).await;
        assert!(abandoned.is_err());
        // There is one connection, which is free again in time.
        run(&database, "SELECT 1 AS v").await.unwrap();
    }
}

/// Migrations use the raw connection, without a timeout, and also after a statement of it was cancelled.
#[tokio::test]
async fn raw_connection_has_no_timeout() {
    let files = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let options = Options { statement_timeout: Some(TIMEOUT), ..Options::at(url) };
    let database = Database::connect(options).await.unwrap();
    run(&database, ENDLESS).await.unwrap_err();
    let _ = tokio::time::timeout(TIMEOUT / 5, run(&database, ENDLESS)).await;
    let system = database.system("tests run a slow statement");
    let began = Instant::now();
    let long = format!("{ENDLESS} LIMIT 1").replace("FROM n)", "FROM n LIMIT 10000000)");
    let long = Statement::from_string(DbBackend::Sqlite, long);
    system.connection().query_all_raw(long).await.unwrap();
    assert!(began.elapsed() > TIMEOUT, "{:?} is too short to show anything", began.elapsed());
}

/// A mutation that takes too long is rolled back, and delays no other one.
async fn slow_mutation_delays_no_other(backend: Backend) {
    let app = App::with(backend, &["--request-timeout", "1s"]).await;
    let system = app.database.system("tests make a statement slow");
    let count = "SELECT count(*) FROM task a, task b, task c, task d, task e, task f, task g";
    let triggers: &[String] = match backend {
        Backend::Sqlite => &[format!(
            "CREATE TRIGGER slow AFTER INSERT ON task_tag WHEN NEW.tag = 'slow' BEGIN {count}; END"
        )],
        Backend::Postgres => &[
            format!(
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF NEW.tag = 'slow' THEN PERFORM ({count}); END IF; RETURN NEW; END $$"
            ),
            "CREATE TRIGGER slow AFTER INSERT ON task_tag FOR EACH ROW EXECUTE FUNCTION slow()"
                .to_owned(),
        ],
    };
    for trigger in triggers {
        system.connection().execute_unprepared(trigger).await.unwrap();
    }
    let who = app.by_jwt(&alice());
    let make = |tag: &str| {
        format!(
            "mutation {{ createTask(input: {{title: \"t\", tags: [\"{tag}\"]}}) {{ task {{ id }} }} }}"
        )
    };
    for _ in 0..60 {
        who.data(&make("quick")).await;
    }
    for _ in 0..2 {
        assert_eq!(who.ask(&make("slow")).await.codes(), ["TIMEOUT"]);
        who.data(&make("quick")).await;
    }
    assert_eq!(who.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 62);
}

#[tokio::test]
async fn slow_mutation_delays_no_other_on_sqlite() {
    slow_mutation_delays_no_other(Backend::Sqlite).await;
}

#[tokio::test]
async fn slow_mutation_delays_no_other_on_postgres() {
    slow_mutation_delays_no_other(Backend::Postgres).await;
}
