//! `can` and the viewer fields predict the result of the mutation.

use hallpass::testing::Client;
use serde_json::{Value, json};

use crate::support::app::{App, Backend};
use crate::support::callers::{alice, bob};

const CAN: &str = "query($action: Action!, $id: ID!) {
    can(action: $action, id: $id) { allowed code rule missing unmet { rule value } why } }";

async fn can(who: &Client<'_>, action: &str, id: &str) -> Value {
    who.data_with(CAN, json!({"action": action, "id": id})).await["can"].clone()
}

#[tokio::test]
async fn can_agrees_with_mutation() {
    let app = hallpass::testing::App::start(crate::support::app::application()).await;
    let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
    let made = alice
        .data("mutation { a: createTask(input: {title: \"A\"}) { task { id } } b: createTask(input: {title: \"B\", isPublic: true}) { task { id } } }")
        .await;
    let nonexistent = made["a"]["task"]["id"].as_str().unwrap().chars().rev().collect::<String>();
    for (who, of_private, of_public) in [
        (&alice, Value::Null, Value::Null),
        (&bob, json!("NOT_FOUND"), json!("NOT_FOUND")),
        (&app.anonymous(), json!("UNAUTHENTICATED"), json!("UNAUTHENTICATED")),
        (&app.by_persona("service"), json!("FORBIDDEN"), json!("FORBIDDEN")),
    ] {
        for (id, expected) in
            [(&made["a"]["task"]["id"], of_private), (&made["b"]["task"]["id"], of_public)]
        {
            let id = id.as_str().unwrap();
            let before = can(who, "UPDATE_TASK", id).await;
            assert_eq!(before["code"], expected, "{before}");
            assert_eq!(before["allowed"], expected.is_null());
            assert_eq!(before["rule"], "OWNER");
            let done = who
                .ask(&format!(
                    "mutation {{ updateTask(id: \"{id}\", input: {{}}) {{ task {{ id }} }} }}"
                ))
                .await;
            assert_eq!(done.codes().first().map_or(Value::Null, |code| json!(code)), expected);
        }
    }
    let of_nothing = can(&bob, "DELETE_TASK", &nonexistent).await;
    assert_eq!(
        can(&bob, "DELETE_TASK", made["a"]["task"]["id"].as_str().unwrap()).await,
        of_nothing
    );
}

#[tokio::test]
async fn task_viewer_reports_permissions() {
    let app = App::start(Backend::Sqlite).await;
    let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
    alice
        .data("mutation { createTask(input: {title: \"B\", isPublic: true}) { task { id } } }")
        .await;
    let read = "{ publicTasks { nodes { viewer { canUpdate canDelete canPublish } } } }";
    let all =
        |may: bool| json!([{"viewer": {"canUpdate": may, "canDelete": may, "canPublish": may}}]);
    assert_eq!(alice.data(read).await["publicTasks"]["nodes"], all(true));
    assert_eq!(bob.data(read).await["publicTasks"]["nodes"], all(false));
    assert_eq!(app.anonymous().data(read).await["publicTasks"]["nodes"], all(false));
}

#[tokio::test]
async fn chapter_viewer_reports_permissions_and_reason() {
    let app = App::configured(Backend::Sqlite, &[]).await;
    let read =
        "{ chapter(slug: \"feedback-control\") { id viewer { canRead canEdit missingTier why } } }";
    let guest = app.anonymous().data(read).await["chapter"].clone();
    assert_eq!(guest["viewer"]["canRead"], false);
    assert_eq!(guest["viewer"]["canEdit"], false);
    assert_eq!(guest["viewer"]["missingTier"], "premium");
    assert_eq!(guest["viewer"]["why"], "Premium members can read this chapter.");
    let id = guest["id"].as_str().unwrap();
    let requests = can(&app.anonymous(), "READ_CHAPTER", id).await;
    assert_eq!(requests["code"], "UNAUTHENTICATED");
    assert_eq!(requests["missing"], json!(["TIER(premium)"]));
    assert_eq!(requests["unmet"], json!([{"rule": "TIER", "value": "premium"}]));
    let edited = can(&app.anonymous(), "EDIT_CHAPTER", id).await;
    assert_eq!(edited["rule"], Value::Null, "a guest does not see the rule of what is hidden");
}

#[tokio::test]
async fn can_is_batched() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let make =
        (0..20).map(|at| format!("t{at}: createTask(input: {{title: \"x\"}}) {{ task {{ id }} }}"));
    let make = format!("mutation {{ {} }}", make.collect::<Vec<_>>().join(" "));
    let mut ids = Vec::new();
    for _ in 0..3 {
        let made = alice.data(&make).await;
        ids.extend(made.as_object().unwrap().values().map(|made| made["task"]["id"].to_string()));
    }
    let list = "{ tasks(first: 50) { nodes { viewer { canUpdate canDelete canPublish } } } }";
    let (listed, statements) = app.statements_of(alice.data(list)).await;
    assert_eq!(listed["tasks"]["nodes"].as_array().unwrap().len(), 50);
    assert_eq!(statements.len(), 1, "{statements:#?}");
    let requests = ids
        .iter()
        .take(20)
        .enumerate()
        .map(|(at, id)| format!("c{at}: can(action: DELETE_TASK, id: {id}) {{ allowed }}"));
    let requests = format!("{{ {} }}", requests.collect::<Vec<_>>().join(" "));
    let (answered, statements) = app.statements_of(alice.data(&requests)).await;
    assert!(answered.as_object().unwrap().values().all(|one| one["allowed"] == true));
    assert_eq!(statements.len(), 1, "{statements:#?}");
}
