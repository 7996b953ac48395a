//! A list of tasks reads the columns that its client selects.

use serde_json::Value;

use crate::on_both_databases;
use crate::support::app::App;
use crate::support::callers::{alice, bob};

const FIELDS: [&str; 14] = [
    "id",
    "title",
    "description",
    "completed",
    "completedAt",
    "priority",
    "dueAt",
    "dueOn",
    "isPublic",
    "isOwner",
    "version",
    "createdAt",
    "updatedAt",
    "own { description priority dueAt dueOn tags }",
];

const ORDERS: [&str; 5] = ["CREATED_AT", "UPDATED_AT", "DUE_AT", "PRIORITY", "TITLE"];

async fn create(app: &App) -> String {
    let input = "title: \"One\", description: \"Words\", priority: HIGH, tags: [\"a\"], isPublic: true, \
         dueOn: \"2030-01-31\"";
    let create = format!("mutation {{ createTask(input: {{ {input} }}) {{ task {{ id }} }} }}");
    let created = app.by_jwt(&alice()).data(&create).await;
    let id = created["createTask"]["task"]["id"].as_str().unwrap().to_owned();
    let complete = format!("mutation {{ completeTask(id: \"{id}\") {{ task {{ id }} }} }}");
    app.by_jwt(&alice()).data(&complete).await;
    id
}

on_both_databases! {
async fn each_selected_field_has_its_column(app: App) {
    let id = create(&app).await;
    for (who, list) in [(alice(), "tasks"), (alice(), "publicTasks"), (bob(), "publicTasks")] {
        let client = app.by_jwt(&who);
        for field in FIELDS {
            let one = client.ask(&format!("{{ task(id: \"{id}\") {{ {field} }} }}")).await.body;
            let (expected, errors) = (one["data"]["task"].clone(), codes(&one));
            for list in [
                format!("{{ list: {list} {{ nodes {{ {field} }} }} }}"),
                format!("{{ list: {list} {{ nodes {{ ...F }} }} }} fragment F on Task {{ ... {{ {field} }} }}"),
                format!("{{ list: {list} {{ ...F }} }} fragment F on TaskConnection {{ nodes {{ {field} }} }}"),
                format!("{{ list: {list} {{ nodes {{ __typename }} nodes {{ {field} }} }} }}"),
            ] {
                let listed = client.ask(&list).await.body;
                let mut node = listed["data"]["list"]["nodes"][0].clone();
                node.as_object_mut().unwrap().remove("__typename");
                assert_eq!(node, expected, "{list}: {listed}");
                assert_eq!(codes(&listed), errors, "{list}");
            }
            let edges = format!("{{ {list} {{ edges {{ cursor node {{ {field} }} }} }} }}");
            let listed = client.ask(&edges).await.body;
            assert_eq!(listed["data"][list]["edges"][0]["node"], expected, "{listed}");
        }
    }
}

async fn positions_have_their_column(app: App) {
    create(&app).await;
    let alice = app.by_jwt(&alice());
    for order in ORDERS {
        let page = format!("tasks(orderBy: {{ field: {order} }})");
        let read = alice.data(&format!("{{ {page} {{ pageInfo {{ endCursor }} }} }}")).await;
        let whole = format!("{{ {page} {{ edges {{ cursor node {{ viewer {{ canUpdate }} }} }} }} }}");
        let whole = alice.data(&whole).await;
        let cursor = &read["tasks"]["pageInfo"]["endCursor"];
        assert!(cursor.is_string(), "{read}");
        assert_eq!(cursor, &whole["tasks"]["edges"][0]["cursor"], "{order}");
    }
}

async fn other_columns_are_not_read(app: App) {
    create(&app).await;
    let alice = app.by_jwt(&alice());
    for (nodes, columns, others) in [
        ("id title createdAt", &["id", "owner_id", "title", "created_at"][..], &["due_on", "title_key"][..]),
        ("__typename", &["id", "owner_id", "created_at"], &["title", "version"]),
        ("tags title", &["id", "title", "due_on", "title_key", "version"], &[]),
        ("title viewer { canUpdate }", &["due_on", "title_key", "version"], &[]),
    ] {
        let document = format!("{{ tasks {{ nodes {{ {nodes} }} }} }}");
        let (_, statements) = app.statements_of(alice.data(&document)).await;
        let sql = statements.iter().find(|sql| sql.contains("FROM \"task\"")).unwrap();
        let (read, _) = sql.split_once(" FROM ").unwrap();
        let is_read = |column: &&str| read.contains(&format!("\"{column}\""));
        assert!(columns.iter().all(&is_read), "{nodes}: {sql}");
        assert!(!others.iter().any(is_read), "{nodes}: {sql}");
    }
}
}

fn codes(answer: &Value) -> Vec<&Value> {
    let errors = answer["errors"].as_array().into_iter().flatten();
    errors.map(|error| &error["extensions"]["code"]).collect()
}
