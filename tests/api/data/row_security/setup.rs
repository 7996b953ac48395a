//! How row-level security is enabled, and how a server that cannot rely on it reports so.

use hallpass::config::Config;
use hallpass_data::{Database, RowSecurityProblem};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::{create, on, with_row_security};
use crate::cli::commands::{Output, hallpass_with};
use crate::support::app::config;
use crate::support::callers::alice;
use crate::support::postgres;

async fn execute(database: &Database, sql: &str) {
    let system = database.system("tests change how the database is set up");
    system.read(async |conn| conn.execute_unprepared(sql).await).await.unwrap();
}

async fn texts(database: &Database, sql: &str) -> Vec<String> {
    let conn = database.system("tests look at how the database is set up").connection();
    let rows = conn.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "v").unwrap()).collect()
}

fn settings(url: &str) -> Config {
    let auth = ["--better-auth-url", "http://127.0.0.1:9"];
    config(&[&auth[..], &["--database-url", url, "--row-security", "on"]].concat())
}

fn run(arguments: &[&str], url: &str) -> Output {
    let auth = ("BETTER_AUTH_URL", "http://127.0.0.1:9");
    hallpass_with(arguments, &[auth, ("DATABASE_URL", url), ("ROW_SECURITY", "on")])
}

#[tokio::test]
async fn every_owned_table_has_its_policies() {
    let app = with_row_security(&[]).await;
    for table in crate::support::app::application().owned_tables().names() {
        let sql = format!(
            "SELECT policyname::text AS v FROM pg_policies WHERE tablename = '{table}' AND policyname <> 'hallpass_public' ORDER BY 1"
        );
        let expected = ["hallpass_everyones", "hallpass_open", "hallpass_own"];
        assert_eq!(texts(&app.database, &sql).await, expected, "{table}");
    }
    let shown = "SELECT tablename::text AS v FROM pg_policies WHERE policyname = 'hallpass_public'";
    assert_eq!(texts(&app.database, shown).await, ["task"]);
}

#[tokio::test]
async fn table_with_owner_id_is_registered() {
    let app = with_row_security(&[]).await;
    let sql = "SELECT table_name::text AS v FROM information_schema.columns \
        WHERE column_name = 'owner_id' AND table_schema = current_schema() ORDER BY 1";
    let mut registered = crate::support::app::application().owned_tables().names();
    registered.sort_unstable();
    let owned = texts(&app.database, sql).await;
    assert_eq!(owned, registered, "register them in the domain");
}

#[tokio::test]
async fn disabled_row_security_adds_no_statements() {
    let app = on(&postgres::plain_database(), &[]).await;
    let guarded = "SELECT relname::text AS v FROM pg_class WHERE relrowsecurity";
    assert_eq!(texts(&app.database, guarded).await, [] as [&str; 0]);
    create(&app, &alice(), "hers", false).await;
    let own = app.by_jwt(&alice());
    let (_, statements) = app.statements_of(own.data("{ tasks { nodes { id } } }")).await;
    assert_eq!(statements.len(), 1, "{statements:?}");
}

#[tokio::test]
async fn row_security_can_be_switched_on_and_off() {
    let url = postgres::plain_database();
    let before = on(&url, &[]).await;
    create(&before, &alice(), "before", false).await;
    let with_row_security = on(&url, &["--row-security", "on"]).await;
    create(&with_row_security, &alice(), "behind", false).await;
    let after = on(&url, &[]).await;
    for app in [before, with_row_security, after] {
        let seen = app.by_jwt(&alice()).data("{ tasks { totalCount } }").await;
        assert_eq!(seen["tasks"]["totalCount"], 2);
    }
}

#[tokio::test]
async fn superuser_server_does_not_start() {
    let rejected = run(&["serve", "--api-port", "0"], &postgres::database());
    assert_eq!(rejected.code, 2, "{}", rejected.stderr);
    for words in ["ROW_SECURITY is on", "the role hallpass of DATABASE_URL", "CREATE ROLE"] {
        assert!(rejected.stderr.contains(words), "{}", rejected.stderr);
    }
}

#[tokio::test]
async fn bypassrls_role_is_reported() {
    let url = postgres::database();
    let owner = hallpass::app::open_for_migration(&settings(&url)).await.unwrap();
    execute(&owner, "CREATE ROLE bypassing LOGIN BYPASSRLS").await;
    let url = postgres::as_role("bypassing", &url);
    let server = hallpass::app::open(crate::support::app::application(), &settings(&url), |_| {})
        .await
        .unwrap();
    assert_eq!(
        server.check_row_security().await.unwrap(),
        Some(RowSecurityProblem::Role("bypassing".to_owned()))
    );
}

#[test]
fn sqlite_server_does_not_start() {
    let rejected = run(&["serve"], "sqlite://x.db?mode=rwc");
    assert_eq!(rejected.code, 2);
    assert!(rejected.stderr.contains("ROW_SECURITY is on, and SQLite"), "{}", rejected.stderr);
}

#[tokio::test]
async fn suggested_role_passes_the_check() {
    let url = postgres::database();
    assert_eq!(run(&["migrate", "up"], &url).code, 0);
    let owner = hallpass::app::open_for_migration(&settings(&url)).await.unwrap();
    let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain";
    execute(&owner, grant).await;
    let server = hallpass::app::open(
        crate::support::app::application(),
        &settings(&postgres::as_role(postgres::PLAIN, &url)),
        |_| {},
    )
    .await
    .unwrap();
    assert_eq!(server.check_row_security().await.unwrap(), None);
}

#[tokio::test]
async fn dropped_policy_is_reported() {
    for (change, gap) in [
        ("DROP POLICY hallpass_own ON task_tag", RowSecurityProblem::Tables(vec!["task_tag"])),
        (
            "ALTER TABLE chapter_progress NO FORCE ROW LEVEL SECURITY",
            RowSecurityProblem::Tables(vec!["chapter_progress"]),
        ),
        ("ALTER TABLE task DISABLE ROW LEVEL SECURITY", RowSecurityProblem::Tables(vec!["task"])),
    ] {
        let app = with_row_security(&[]).await;
        assert_eq!(app.database.check_row_security().await.unwrap(), None);
        assert_eq!(
            app.anonymous().request(reqwest::Method::GET, "/ready").send().await.unwrap().status(),
            200
        );
        execute(&app.database, change).await;
        assert_eq!(app.database.check_row_security().await.unwrap(), Some(gap));
        let ready = app.anonymous().request(reqwest::Method::GET, "/ready").send().await.unwrap();
        assert_eq!(ready.status(), 503);
        assert_eq!(ready.text().await.unwrap(), "not ready: row security\n");
    }
}

#[tokio::test]
async fn missing_startup_option_is_reported() {
    let url = postgres::plain_database();
    hallpass::app::migrate(crate::support::app::application(), &settings(&url)).await.unwrap();
    let options = hallpass_data::Options { row_security: true, ..hallpass_data::Options::at(url) };
    let database = Database::connect(options).await.unwrap();
    execute(&database, "SET hallpass.row_security = ''").await;
    assert_eq!(
        database.check_row_security().await.unwrap(),
        Some(RowSecurityProblem::StartupOption)
    );
    execute(&database, "RESET ALL").await;
    assert_eq!(database.check_row_security().await.unwrap(), None);
}

#[test]
fn doctor_reports_row_security() {
    let plain = postgres::plain_database();
    let doctor = |url: &str| run(&["doctor"], url).stdout;
    assert!(
        doctor(&plain).contains("these tables have no policy: idempotency_key, task_tag, task"),
        "{}",
        doctor(&plain)
    );
    assert_eq!(run(&["migrate", "up"], &plain).code, 0);
    assert!(doctor(&plain).contains("enforced by the database"), "{}", doctor(&plain));
    assert!(doctor(&postgres::database()).contains("SUPERUSER or BYPASSRLS"));
}
