//! A global id has one spelling. Any other is not found, in every argument.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::callers::alice;

/// Other spellings of the id of a task.
fn spellings(id: &str) -> Vec<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).unwrap()).unwrap();
    let key = uuid::Uuid::parse_str(text.strip_prefix("Task:").unwrap()).unwrap();
    let keys = [
        key.hyphenated().to_string(),
        key.braced().to_string(),
        key.urn().to_string(),
        key.simple().to_string().to_uppercase(),
        key.hyphenated().to_string().to_uppercase(),
    ];
    let mut others = keys.map(|key| URL_SAFE_NO_PAD.encode(format!("Task:{key}"))).to_vec();
    others.extend([format!("{id}="), format!("{id}=="), format!(" {id}"), format!("{id}\n"), text]);
    others
}

on_both_databases! {
    async fn other_spelling_of_an_id_is_not_found(app: App) {
        let who = app.by_jwt(&alice());
        let make = "mutation { createTask(input: {title: \"x\"}) { task { id } } }";
        let id = who.data(make).await["createTask"]["task"]["id"].as_str().unwrap().to_owned();
        let read = "query($id: ID!) { node(id: $id) { id } task(id: $id) { id } can(action: UPDATE_TASK, id: $id) { allowed } }";
        let found = who.data_with(read, json!({ "id": id })).await;
        assert_eq!(found, json!({"node": {"id": id}, "task": {"id": id}, "can": {"allowed": true}}));
        for other in spellings(&id) {
            let found = who.data_with(read, json!({ "id": other })).await;
            let nothing = json!({"node": null, "task": null, "can": {"allowed": false}});
            assert_eq!(found, nothing, "{other}");
            for document in [
                "mutation($id: ID!) { completeTask(id: $id) { task { id } } }",
                "mutation($id: ID!) { deleteTask(id: $id) { deletedTaskId } }",
                "mutation($id: ID!) { deleteTasks(ids: [$id]) { deletedTaskIds } }",
            ] {
                let answer = who.ask_with(document, json!({ "id": other })).await;
                assert_eq!(answer.codes(), ["NOT_FOUND"], "{document} {other}");
            }
        }
        let left = who.data("{ tasks { totalCount nodes { completed } } }").await;
        assert_eq!(left["tasks"], json!({"totalCount": 1, "nodes": [{"completed": Value::from(false)}]}));
    }
}
