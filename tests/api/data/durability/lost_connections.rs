//! Connections that PostgreSQL ended, as in a failover.

use futures_util::future::join_all;
use hallpass_data::{Database, Options};
use sea_orm::ConnectionTrait as _;
use serde_json::Value;

use crate::support::app::App;
use crate::support::callers::alice;
use crate::support::issuer::Issuer;
use crate::support::postgres;

const READ: &str = "{ tasks { totalCount nodes { title tags } } me { id } }";
const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Ends all of the server's connections, of which there are many.
async fn kill(app: &App, other: &Database) {
    let who = app.by_jwt(&alice());
    join_all((0..8).map(|_| who.data(READ))).await;
    other.system("tests end connections").connection().execute_unprepared(KILL).await.unwrap();
}

async fn reads_outlive_connections(flags: &[&str], url: String, superuser: String) {
    let flags = [&["--better-auth-url", Issuer::shared().url()], flags].concat();
    let app = App::on(&url, tempfile::tempdir().unwrap(), &flags).await;
    let other = Database::connect(Options::at(superuser)).await.unwrap();
    let who = app.by_jwt(&alice());
    let made = who
        .data("mutation { createTask(input: {title: \"a\", tags: [\"x\"]}) { task { id } } }")
        .await;
    let id = made["createTask"]["task"]["id"].clone();
    for _ in 0..3 {
        kill(&app, &other).await;
        // As many concurrent requests as one caller may run.
        for _ in 0..6 {
            for answer in join_all((0..8).map(|_| who.ask(READ))).await {
                assert_eq!(answer.codes(), Vec::<&str>::new(), "{}", answer.body);
            }
        }
        kill(&app, &other).await;
        let ready = app.anonymous().request(reqwest::Method::GET, "/ready").send().await.unwrap();
        assert_eq!(ready.status(), 200);
        kill(&app, &other).await;
        // A transaction in which no statement was sent yet.
        let update = format!(
            "mutation {{ updateTask(id: {id}, input: {{title: \"b\"}}) {{ task {{ id }} }} }}"
        );
        who.data(&update).await;
    }
}

#[tokio::test]
async fn reads_survive_killed_connections() {
    let url = postgres::database();
    reads_outlive_connections(&[], url.clone(), url).await;
}

#[tokio::test]
async fn row_security_reads_survive_killed_connections() {
    let url = postgres::plain_database();
    let superuser = url.replacen(postgres::PLAIN, "hallpass", 1);
    reads_outlive_connections(&["--row-security", "on"], url, superuser).await;
}

#[tokio::test]
async fn write_on_killed_connection_happens_once() {
    let url = postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url()];
    let app = App::on(&url, tempfile::tempdir().unwrap(), &flags).await;
    let other = Database::connect(Options::at(url)).await.unwrap();
    let who = app.by_jwt(&alice());
    let mut acknowledged = 0;
    for _ in 0..10 {
        kill(&app, &other).await;
        let make = "mutation { createTask(input: {title: \"a\"}) { task { id } } }";
        match who.ask(make).await.codes().as_slice() {
            [] => acknowledged += 1,
            ["UNAVAILABLE"] => {}
            other => panic!("{other:?}"),
        }
    }
    let seen = who.data("{ tasks { totalCount } }").await;
    assert_eq!(seen["tasks"]["totalCount"], Value::from(acknowledged));
}
