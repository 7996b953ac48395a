//! Each owner may have a limited number of rows of a table.

use serde_json::Value;

use crate::support::app::{App, Backend};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;

const MAKE: &str = "mutation { createTask(input: {title: \"t\"}) { task { id } } }";

async fn owner_has_a_quota(backend: Backend) {
    let app = App::with(backend, &["--rows-per-owner", "20"]).await;
    let who = app.by_jwt(&alice());
    let mut last = Value::Null;
    for _ in 0..20 {
        last = who.data(MAKE).await["createTask"]["task"]["id"].clone();
    }
    for _ in 0..3 {
        let full = who.ask(MAKE).await;
        assert_eq!(full.codes(), ["BAD_USER_INPUT"]);
        assert!(full.first_error("input").contains("20 (ROWS_PER_OWNER)"), "{}", full.body);
    }
    let tagged = "mutation { createTask(input: {title: \"t\", tags: [\"a\"]}) { task { id } } }";
    assert_eq!(who.ask(tagged).await.codes(), ["BAD_USER_INPUT"]);
    assert_eq!(who.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 20);
    app.by_jwt(&bob()).data(MAKE).await;
    who.data(&format!("mutation {{ deleteTask(id: {last}) {{ deletedTaskId }} }}")).await;
    who.data(MAKE).await;
    assert_eq!(who.ask(MAKE).await.codes(), ["BAD_USER_INPUT"]);
}

#[tokio::test]
async fn rows_per_owner_are_limited_on_sqlite() {
    owner_has_a_quota(Backend::Sqlite).await;
}

#[tokio::test]
async fn rows_per_owner_are_limited_on_postgres() {
    owner_has_a_quota(Backend::Postgres).await;
}

#[tokio::test]
async fn row_count_is_cached() {
    let flags = ["--better-auth-url", Issuer::shared().url()];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let who = app.by_jwt(&alice());
    who.data(MAKE).await;
    let (_, statements) = app.statements_of(who.data(MAKE)).await;
    assert!(!statements.iter().any(|sql| sql.contains("COUNT")), "{statements:?}");
}
