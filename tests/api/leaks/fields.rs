//! What only an owner sees of a task that everyone may see: refused field by field, in lists too.

use serde_json::{Value, json};

use crate::app::{Client, GraphQlResponse};
use crate::on_both_databases;
use crate::people::{alice, bob};

const PRIVATE: [&str; 4] = ["description", "dueAt", "tags", "priority"];

async fn publish(who: &Client<'_>, title: &str) {
    let input = json!({
        "title": title, "description": "inner words", "dueAt": "2027-03-01T09:30:00Z",
        "tags": ["inner"], "priority": "HIGH", "isPublic": true,
    });
    let document = "mutation($input: CreateTaskInput!) { createTask(input: $input) { id } }";
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

/// Where the errors are: each with the code.
fn errors(answer: &GraphQlResponse) -> Vec<(Value, Value)> {
    let errors = answer.body["errors"].as_array().into_iter().flatten();
    let told = errors.map(|error| (error["path"].clone(), error["extensions"]["code"].clone()));
    let mut told: Vec<_> = told.collect();
    told.sort_by_key(|(path, _)| path.to_string());
    told
}

/// An error for each private field of the tasks at these places, in both lists.
fn refusals(places: &[usize], code: &str) -> Vec<(Value, Value)> {
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
    async fn what_only_owners_see_is_refused_alone_in_lists_too(app: App) {
        publish(&app.by_jwt(&alice()), "Alice's").await;
        publish(&app.by_jwt(&bob()), "Bob's").await;
        let his = json!({"title": "Bob's", "isOwner": true, "description": "inner words",
            "dueAt": "2027-03-01T09:30:00Z", "tags": ["inner"], "priority": "HIGH"});

        let to_bob = look(&app.by_jwt(&bob())).await;
        let page = &to_bob.body["data"]["publicTasks"];
        assert_eq!(page["nodes"], json!([as_seen("Alice's"), his]));
        assert_eq!(page["edges"], json!([{"node": as_seen("Alice's")}, {"node": his}]));
        assert_eq!(page["totalCount"], 2, "nothing else of the answer is lost");
        assert_eq!(errors(&to_bob), refusals(&[0], "FORBIDDEN"));

        let to_nobody = look(&app.anonymous()).await;
        let page = &to_nobody.body["data"]["publicTasks"];
        assert_eq!(page["nodes"], json!([as_seen("Alice's"), as_seen("Bob's")]));
        assert_eq!(page["totalCount"], 2);
        assert_eq!(errors(&to_nobody), refusals(&[0, 1], "UNAUTHENTICATED"));
        assert!(!to_nobody.body.to_string().contains("inner"));
    }
}
