//! How the wall is raised, and how a server that cannot rely on it says so.

use hallpass::config::Config;
use hallpass_data::{Database, RowSecurityProblem};
use hallpass_entity::owned_tables;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::{create, on, walled};
use crate::app::config;
use crate::command_line::{Output, hallpass_with};
use crate::people::alice;
use crate::postgres;

async fn execute(database: &Database, sql: &str) {
    let system = database.system("tests change how the database is set up");
    system.connection().execute_unprepared(sql).await.unwrap();
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
async fn every_table_of_owned_rows_has_its_policies() {
    let app = walled(&[]).await;
    for table in owned_tables().names() {
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
    let app = walled(&[]).await;
    let sql = "SELECT table_name::text AS v FROM information_schema.columns \
        WHERE column_name = 'owner_id' AND table_schema = current_schema() ORDER BY 1";
    let mut registered = owned_tables().names();
    registered.sort_unstable();
    let owned = texts(&app.database, sql).await;
    assert_eq!(owned, registered, "register them in entity/src/owned_tables.rs");
}

#[tokio::test]
async fn without_the_setting_there_is_no_wall_and_nothing_to_pay() {
    let app = on(&postgres::plain_database(), &[]).await;
    let guarded = "SELECT relname::text AS v FROM pg_class WHERE relrowsecurity";
    assert_eq!(texts(&app.database, guarded).await, [] as [&str; 0]);
    create(&app, &alice(), "hers", false).await;
    let own = app.by_jwt(&alice());
    let (_, statements) = app.statements_of(own.data("{ tasks { nodes { id } } }")).await;
    assert_eq!(statements.len(), 1, "{statements:?}");
}

#[tokio::test]
async fn switching_it_on_and_off_keeps_what_is_there_and_both_kinds_of_server_share_it() {
    let url = postgres::plain_database();
    let before = on(&url, &[]).await;
    create(&before, &alice(), "before", false).await;
    let walled = on(&url, &["--row-security", "on"]).await;
    create(&walled, &alice(), "behind", false).await;
    let after = on(&url, &[]).await;
    for app in [before, walled, after] {
        let seen = app.by_jwt(&alice()).data("{ tasks { totalCount } }").await;
        assert_eq!(seen["tasks"]["totalCount"], 2);
    }
}

#[tokio::test]
async fn a_server_refuses_to_start_as_a_superuser() {
    let refused = run(&["serve", "--api-port", "0"], &postgres::database());
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    for words in ["ROW_SECURITY is on", "the role hallpass of DATABASE_URL", "CREATE ROLE"] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn a_role_that_passes_policies_is_told_of_though_it_is_no_superuser() {
    let url = postgres::database();
    let owner = hallpass::app::open_for_migration(&settings(&url)).await.unwrap();
    execute(&owner, "CREATE ROLE bypassing LOGIN BYPASSRLS").await;
    let url = postgres::as_role("bypassing", &url);
    let server = hallpass::app::open(&settings(&url), |_| {}).await.unwrap();
    assert_eq!(
        server.check_row_security().await.unwrap(),
        Some(RowSecurityProblem::Role("bypassing".to_owned()))
    );
}

#[test]
fn a_server_on_sqlite_refuses_to_start() {
    let refused = run(&["serve"], "sqlite://x.db?mode=rwc");
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("ROW_SECURITY is on, and SQLite"), "{}", refused.stderr);
}

#[tokio::test]
async fn the_role_that_the_refusal_tells_to_make_serves() {
    let url = postgres::database();
    assert_eq!(run(&["migrate", "up"], &url).code, 0);
    let owner = hallpass::app::open_for_migration(&settings(&url)).await.unwrap();
    let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain";
    execute(&owner, grant).await;
    let server = hallpass::app::open(&settings(&postgres::as_role(postgres::PLAIN, &url)), |_| {})
        .await
        .unwrap();
    assert_eq!(server.check_row_security().await.unwrap(), None);
}

#[tokio::test]
async fn a_server_tells_of_a_wall_that_came_down() {
    for (change, gap) in [
        ("DROP POLICY hallpass_own ON task_tag", RowSecurityProblem::Tables(vec!["task_tag"])),
        (
            "ALTER TABLE chapter_progress NO FORCE ROW LEVEL SECURITY",
            RowSecurityProblem::Tables(vec!["chapter_progress"]),
        ),
        ("ALTER TABLE task DISABLE ROW LEVEL SECURITY", RowSecurityProblem::Tables(vec!["task"])),
    ] {
        let app = walled(&[]).await;
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
async fn a_connection_that_lost_its_announcement_is_told_of() {
    let url = postgres::plain_database();
    hallpass::app::migrate(&settings(&url)).await.unwrap();
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
fn the_doctor_says_whether_the_wall_stands() {
    let plain = postgres::plain_database();
    let doctor = |url: &str| run(&["doctor"], url).stdout;
    assert!(doctor(&plain).contains("no policy holds for the tables task"), "{}", doctor(&plain));
    assert_eq!(run(&["migrate", "up"], &plain).code, 0);
    assert!(doctor(&plain).contains("enforced by the database"), "{}", doctor(&plain));
    assert!(doctor(&postgres::database()).contains("SUPERUSER or BYPASSRLS"));
}
