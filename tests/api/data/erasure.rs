//! An administrator erases a user.

use chrono::TimeDelta;
use hallpass_data::{OwnedTables, now};
use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::{Value, json};

use crate::domains::activity::wait_for_activity;
use crate::on_both_databases;
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{User, alice, bob, user};

fn admin() -> User {
    user("ada").role("admin")
}

fn erase(id: &str) -> String {
    let id = Value::from(id);
    format!(
        "mutation {{ eraseUser(id: {id}) {{ report {{ userId total tables {{ table rows }} }} }} }}"
    )
}

/// Adds rows of `who` to every owned table.
async fn add_rows(app: &App, who: &Client<'_>) {
    who.data("mutation { updateLearnerProfile(input: {interestArea: \"AI\"}) { me { id } }
        a: createTask(input: {title: \"A\", tags: [\"x\", \"y\"]}) { task { id } } b: createTask(input: {title: \"B\"}) { task { id } } }")
        .await;
    let chapter = app.anonymous().data("{ chapter(slug: \"sense-think-act\") { id } }").await;
    let note = "mutation($id: ID!) { recordProgress(chapterId: $id, percent: 5) { progress { percent } } }";
    who.data_with(note, json!({"id": chapter["chapter"]["id"]})).await;
}

/// Every table with data of users.
fn tables() -> Vec<&'static str> {
    [crate::support::app::application().owned_tables().names(), OwnedTables::tables_about_users()]
        .concat()
}

const USER_DATA: &str = "{ tasks { totalCount nodes { tags } } me { profile { interestArea } }
    chapter(slug: \"sense-think-act\") { progress { percent } } }";

fn count(report: &Value, table: &str) -> u64 {
    let tables = report["tables"].as_array().unwrap();
    let found = tables.iter().find(|row| row["table"] == table);
    found.unwrap_or_else(|| panic!("{table} is not in {report}"))["rows"].as_u64().unwrap()
}

on_both_databases! {
    async fn erasure_deletes_all_rows_of_one_user(app: App) {
        let app = app.with_courses().await;
        let (alices, bobs, admin) = (alice().with("sid", "a"), bob().with("sid", "b"), admin());
        let (alices, bobs, admin) = (app.by_jwt(&alices), app.by_jwt(&bobs), app.by_jwt(&admin));
        add_rows(&app, &alices).await;
        add_rows(&app, &bobs).await;
        let bobs_data = bobs.data(USER_DATA).await;
        wait_for_activity(&app, "written", 4).await;
        let report = admin.data(&erase(alice().id())).await["eraseUser"]["report"].clone();
        assert_eq!(report["userId"], alice().id());
        for (table, rows) in [("task", 2), ("task_tag", 2), ("chapter_progress", 1), ("learner_profile", 1), ("known_user", 1), ("seen_session", 1)] {
            assert_eq!(count(&report, table), rows, "{table}");
        }
        let left = alices.data(USER_DATA).await;
        assert_eq!(left, json!({
            "tasks": {"totalCount": 0, "nodes": []}, "me": {"profile": {"interestArea": "General"}},
            "chapter": {"progress": {"percent": 0}},
        }));
        assert_eq!(bobs.data(USER_DATA).await, bobs_data);
    }

    async fn erasing_unknown_user_deletes_nothing(app: App) {
        let admin = app.by_jwt(&admin());
        for id in ["unknown", "", "%", "' OR 1=1 --"] {
            let report = admin.data(&erase(id)).await["eraseUser"]["report"].clone();
            assert_eq!(json!([report["userId"], report["total"]]), json!([id, 0]));
            assert_eq!(report["tables"].as_array().unwrap().len(), tables().len());
        }
        assert_eq!(admin.ask(&erase("a\0b")).await.first_error("id"), "remove the NUL character");
    }
}

#[tokio::test]
async fn erasure_requires_admin() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let alices = app.by_jwt(&alice());
    add_rows(&app, &alices).await;
    for who in [&alices, &app.by_jwt(&user("eve").role("editor").tier("enterprise"))] {
        let answer = who.ask(&erase(alice().id())).await;
        assert_eq!(
            answer.codes(),
            ["GRAPHQL_VALIDATION_FAILED"],
            "the field does not exist for them"
        );
    }
    let anonymous = app.anonymous().ask(&erase(alice().id())).await;
    assert_eq!(anonymous.codes(), ["GRAPHQL_VALIDATION_FAILED"]);
    let admin = user("ada").role("admin");
    let acting = app.by_jwt(&admin.clone().with("impersonatedBy", "user-root"));
    let answer = acting.ask(&erase(alice().id())).await;
    assert_eq!(answer.error()["extensions"]["code"], "FORBIDDEN");
    assert_eq!(answer.error()["extensions"]["missing"], json!(["NOT_IMPERSONATED"]));
    let issued = (now() - TimeDelta::minutes(6)).timestamp();
    let answer = app.by_jwt(&admin.with("iat", issued)).ask(&erase(alice().id())).await;
    assert_eq!(answer.error()["extensions"]["code"], "REAUTHENTICATION_REQUIRED");
    assert_eq!(answer.error()["extensions"]["missing"], json!(["FRESH(300s)"]));
    assert_eq!(alices.data(USER_DATA).await["tasks"]["totalCount"], 2);
}

#[tokio::test]
async fn erasure_is_atomic() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let alices = app.by_jwt(&alice());
    add_rows(&app, &alices).await;
    let before = alices.data(USER_DATA).await;
    // One of the last tables to be processed.
    let rejection = "CREATE TRIGGER rejection BEFORE DELETE ON learner_profile
        BEGIN SELECT RAISE(ABORT, 'no'); END";
    let system = app.database.system("tests make a table fail");
    system.connection().execute_unprepared(rejection).await.unwrap();
    assert_eq!(app.by_jwt(&admin()).ask(&erase(alice().id())).await.codes(), ["INTERNAL"]);
    assert_eq!(alices.data(USER_DATA).await, before);
}

/// The tables of the database that have this column.
async fn tables_with(app: &App, column: &str) -> BTreeSet<String> {
    let sql = format!(
        "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND c.name = '{column}'"
    );
    let system = app.database.system("tests read which tables there are");
    let requests = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = system.connection().query_all_raw(requests).await.unwrap();
    rows.iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

#[tokio::test]
async fn every_owned_table_is_erased() {
    let app = App::start(Backend::Sqlite).await;
    let erased: BTreeSet<_> = tables().into_iter().map(str::to_owned).collect();
    let owned = tables_with(&app, "owner_id").await;
    assert!(owned.len() >= 4);
    assert!(owned.is_subset(&erased), "list {owned:?} in the domain");
    let system = tables_with(&app, "user_id").await;
    let kept: Vec<_> = system.difference(&erased).collect();
    // Revocations stay in effect. Pseudonyms are kept until the user's tokens have expired.
    assert_eq!(kept, ["erased_user", "revocation"]);
    let registered = crate::support::app::application()
        .owned_tables()
        .names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(owned, registered, "the column of an owner is called owner_id");
}
