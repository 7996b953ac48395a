//! Private fields of a public task are denied one by one, in lists too.

use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{Client, GraphQlResponse};
use crate::support::callers::{alice, bob};

const PRIVATE: [&str; 4] = ["description", "dueAt", "tags", "priority"];

async fn publish(who: &Client<'_>, title: &str) {
    let input = json!({
        "title": title, "description": "inner words", "dueAt": "2027-03-01T09:30:00Z",
        "tags": ["inner"], "priority": "HIGH", "isPublic": true,
    });
    let document =
        "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }";
    who.data_with(document, json!({ "input": input })).await;
}

/// Both lists of the page, and the same task by its id.
async fn look(who: &Client<'_>) -> GraphQlResponse {
    who.ask(
        "{ publicTasks(orderBy: {field: TITLE}) { totalCount nodes { ...Everything }
            edges { node { ...Everything } } } }
        fragment Everything on Task { title isOwner description dueAt tags priority }",
    )
    .await
}

/// The paths of the errors, each with its code.
fn errors(answer: &GraphQlResponse) -> Vec<(Value, Value)> {
    let errors = answer.body["errors"].as_array().into_iter().flatten();
    let found = errors.map(|error| (error["path"].clone(), error["extensions"]["code"].clone()));
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|(path, _)| path.to_string());
    found
}

/// An error for each private field of the tasks at these positions, in both lists.
fn rejections(places: &[usize], code: &str) -> Vec<(Value, Value)> {
    let paths = places.iter().flat_map(|place| PRIVATE.map(|field| (*place, field)));
    let both = paths.flat_map(|(place, field)| {
        [
            json!(["publicTasks", "nodes", place, field]),
            json!(["publicTasks", "edges", place, "node", field]),
        ]
    });
    let mut expected: Vec<_> = both.map(|path| (path, json!(code))).collect();
    expected.sort_by_key(|(path, _)| path.to_string());
    expected
}

fn as_seen(title: &str) -> Value {
    json!({"title": title, "isOwner": false, "description": null, "dueAt": null, "tags": null,
           "priority": null})
}

on_both_databases! {
    async fn private_fields_are_denied_one_by_one_in_lists(app: App) {
        publish(&app.by_jwt(&alice()), "Alice's").await;
        publish(&app.by_jwt(&bob()), "Bob's").await;
        let bobs = json!({"title": "Bob's", "isOwner": true, "description": "inner words",
            "dueAt": "2027-03-01T09:30:00Z", "tags": ["inner"], "priority": "HIGH"});

        let to_bob = look(&app.by_jwt(&bob())).await;
        let page = &to_bob.body["data"]["publicTasks"];
        assert_eq!(page["nodes"], json!([as_seen("Alice's"), bobs]));
        assert_eq!(page["edges"], json!([{"node": as_seen("Alice's")}, {"node": bobs}]));
        assert_eq!(page["totalCount"], 2, "the rest of the response is intact");
        assert_eq!(errors(&to_bob), rejections(&[0], "FORBIDDEN"));

        let to_anonymous = look(&app.anonymous()).await;
        let page = &to_anonymous.body["data"]["publicTasks"];
        assert_eq!(page["nodes"], json!([as_seen("Alice's"), as_seen("Bob's")]));
        assert_eq!(page["totalCount"], 2);
        assert_eq!(errors(&to_anonymous), rejections(&[0, 1], "UNAUTHENTICATED"));
        assert!(!to_anonymous.body.to_string().contains("inner"));
    }
}
