//! An administrator has somebody forgotten.

use chrono::TimeDelta;
use hallpass_data::{OwnedTables, now};
use std::collections::BTreeSet;
use std::path::Path;

use hallpass_entity::owned_tables;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::{Value, json};

use crate::app::{App, Backend, Client};
use crate::attendance::noted;
use crate::on_both_databases;
use crate::people::{User, alice, bob, user};

fn admin() -> User {
    user("ada").role("admin")
}

fn erase(id: &str) -> String {
    let id = Value::from(id);
    format!("mutation {{ eraseUser(id: {id}) {{ userId total tables {{ table rows }} }} }}")
}

/// Leaves something of `who` in every owned table.
async fn live(app: &App, who: &Client<'_>) {
    who.data("mutation { updateLearnerProfile(input: {interestArea: \"AI\"}) { id }
        a: createTask(input: {title: \"A\", tags: [\"x\", \"y\"]}) { id } b: createTask(input: {title: \"B\"}) { id } }")
        .await;
    let chapter = app.anonymous().data("{ chapter(slug: \"sense-think-act\") { id } }").await;
    let note = "mutation($id: ID!) { recordProgress(chapterId: $id, percent: 5) { percent } }";
    who.data_with(note, json!({"id": chapter["chapter"]["id"]})).await;
}

/// Every table that keeps something of somebody.
fn tables() -> Vec<&'static str> {
    [owned_tables().names(), OwnedTables::tables_about_users()].concat()
}

const LIFE: &str = "{ tasks { totalCount nodes { tags } } me { profile { interestArea } }
    chapter(slug: \"sense-think-act\") { progress { percent } } }";

fn count(report: &Value, table: &str) -> u64 {
    let tables = report["tables"].as_array().unwrap();
    let found = tables.iter().find(|row| row["table"] == table);
    found.unwrap_or_else(|| panic!("{table} is not in {report}"))["rows"].as_u64().unwrap()
}

on_both_databases! {
    async fn every_row_of_alice_is_deleted_and_counted_and_none_of_bobs(app: App) {
        let app = app.with_courses().await;
        let (hers, his, admin) = (alice().with("sid", "a"), bob().with("sid", "b"), admin());
        let (hers, his, admin) = (app.by_jwt(&hers), app.by_jwt(&his), app.by_jwt(&admin));
        live(&app, &hers).await;
        live(&app, &his).await;
        let bobs = his.data(LIFE).await;
        noted(&app, "written", 4).await;
        let report = admin.data(&erase(alice().id())).await["eraseUser"].clone();
        assert_eq!(report["userId"], alice().id());
        for (table, rows) in [("task", 2), ("task_tag", 2), ("chapter_progress", 1), ("learner_profile", 1), ("known_user", 1), ("seen_session", 1)] {
            assert_eq!(count(&report, table), rows, "{table}");
        }
        let left = hers.data(LIFE).await;
        assert_eq!(left, json!({
            "tasks": {"totalCount": 0, "nodes": []}, "me": {"profile": {"interestArea": "General"}},
            "chapter": {"progress": {"percent": 0}},
        }));
        assert_eq!(his.data(LIFE).await, bobs);
    }

    async fn erasing_nobody_counts_nothing(app: App) {
        let admin = app.by_jwt(&admin());
        for id in ["nobody", "", "%", "' OR 1=1 --"] {
            let report = admin.data(&erase(id)).await["eraseUser"].clone();
            assert_eq!(json!([report["userId"], report["total"]]), json!([id, 0]));
            assert_eq!(report["tables"].as_array().unwrap().len(), tables().len());
        }
        assert_eq!(admin.ask(&erase("a\0b")).await.first_error("id"), "remove the NUL character");
    }
}

#[tokio::test]
async fn only_an_administrator_erases_anybody_themselves_included() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let hers = app.by_jwt(&alice());
    live(&app, &hers).await;
    for who in [&hers, &app.by_jwt(&user("eve").role("editor").tier("enterprise"))] {
        let answer = who.ask(&erase(alice().id())).await;
        assert_eq!(
            answer.codes(),
            ["GRAPHQL_VALIDATION_FAILED"],
            "there is no such field for them"
        );
    }
    let nobody = app.anonymous().ask(&erase(alice().id())).await;
    assert_eq!(nobody.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
    let admin = user("ada").role("admin");
    let acting = app.by_jwt(&admin.clone().with("impersonatedBy", "user-root"));
    let answer = acting.ask(&erase(alice().id())).await;
    assert_eq!(answer.error()["extensions"]["code"], "FORBIDDEN");
    assert_eq!(answer.error()["extensions"]["missing"], json!(["NOT_IMPERSONATED"]));
    let issued = (now() - TimeDelta::minutes(6)).timestamp();
    let answer = app.by_jwt(&admin.with("iat", issued)).ask(&erase(alice().id())).await;
    assert_eq!(answer.error()["extensions"]["code"], "REAUTHENTICATION_REQUIRED");
    assert_eq!(answer.error()["extensions"]["missing"], json!(["FRESH(300s)"]));
    assert_eq!(hers.data(LIFE).await["tasks"]["totalCount"], 2);
}

#[tokio::test]
async fn where_one_table_refuses_nothing_is_deleted() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let hers = app.by_jwt(&alice());
    live(&app, &hers).await;
    let before = hers.data(LIFE).await;
    // One of the last tables to be asked.
    let refusal = "CREATE TRIGGER refusal BEFORE DELETE ON learner_profile
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    let system = app.database.system("tests make a table refuse");
    system.connection().execute_unprepared(refusal).await.unwrap();
    assert_eq!(app.by_jwt(&admin()).ask(&erase(alice().id())).await.codes(), ["INTERNAL"]);
    assert_eq!(hers.data(LIFE).await, before);
}

/// The tables of the database that have this column.
async fn tables_with(app: &App, column: &str) -> BTreeSet<String> {
    let sql = format!(
        "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND c.name = '{column}'"
    );
    let system = app.database.system("tests read which tables there are");
    let asked = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = system.connection().query_all_raw(asked).await.unwrap();
    rows.iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

#[tokio::test]
async fn no_table_that_has_an_owner_is_forgotten() {
    let app = App::start(Backend::Sqlite).await;
    let erased: BTreeSet<_> = tables().into_iter().map(str::to_owned).collect();
    let owned = tables_with(&app, "owner_id").await;
    assert!(owned.len() >= 4);
    assert!(owned.is_subset(&erased), "list {owned:?} in entity/src/owned_tables.rs");
    let system = tables_with(&app, "user_id").await;
    let kept: Vec<_> = system.difference(&erased).collect();
    assert_eq!(kept, ["revocation"], "what was taken back from a user stays taken back");
    // Whatever its column is called: a table is owned by a macro.
    let sources =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("entity/src")).unwrap();
    let declared = sources.flatten().filter(|file| {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        text.lines().any(|line| line.starts_with("crate::owned!("))
    });
    assert_eq!(declared.count(), owned.len(), "the column of an owner is called owner_id");
}
