//! Each owner may have a limited number of rows of a table.

use serde_json::Value;

use crate::app::{App, Backend};
use crate::issuer::Issuer;
use crate::people::{alice, bob};

const MAKE: &str = "mutation { createTask(input: {title: \"t\"}) { id } }";

async fn owner_has_a_quota(backend: Backend) {
    let app = App::with(backend, &["--rows-per-owner", "20"]).await;
    let who = app.by_jwt(&alice());
    let mut last = Value::Null;
    for _ in 0..20 {
        last = who.data(MAKE).await["createTask"]["id"].clone();
    }
    for _ in 0..3 {
        let full = who.ask(MAKE).await;
        assert_eq!(full.codes(), ["BAD_USER_INPUT"]);
        assert!(full.first_error("input").contains("20 (ROWS_PER_OWNER)"), "{}", full.body);
    }
    let tagged = "mutation { createTask(input: {title: \"t\", tags: [\"a\"]}) { id } }";
    assert_eq!(who.ask(tagged).await.codes(), ["BAD_USER_INPUT"]);
    assert_eq!(who.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 20);
    app.by_jwt(&bob()).data(MAKE).await;
    who.data(&format!("mutation {{ deleteTask(id: {last}) }}")).await;
    who.data(MAKE).await;
    assert_eq!(who.ask(MAKE).await.codes(), ["BAD_USER_INPUT"]);
}

#[tokio::test]
async fn owner_has_a_quota_sqlite() {
    owner_has_a_quota(Backend::Sqlite).await;
}

#[tokio::test]
async fn owner_has_a_quota_postgres() {
    owner_has_a_quota(Backend::Postgres).await;
}

#[tokio::test]
async fn counted_rows_are_not_counted_again() {
    let flags = ["--better-auth-url", Issuer::shared().url()];
    let app = App::configured(Backend::Sqlite, &flags).await;
    let who = app.by_jwt(&alice());
    who.data(MAKE).await;
    let (_, statements) = app.statements_of(who.data(MAKE)).await;
    assert!(!statements.iter().any(|sql| sql.contains("COUNT")), "{statements:?}");
}
