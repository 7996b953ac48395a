//! A task is wanted by a moment, or by the end of a day.

use serde_json::{Value, json};

use crate::app::As;
use crate::on_both_databases;
use crate::people::alice;

const DUE: &str = "id dueAt dueOn";

async fn made(who: &As<'_>, input: Value) -> Value {
    let create = format!("mutation($i: CreateTaskInput!) {{ createTask(input: $i) {{ {DUE} }} }}");
    who.data_with(&create, json!({"i": input})).await["createTask"].clone()
}

on_both_databases! {
    async fn due_day_ends_with_its_last_moment_in_utc(app: App) {
        let alice = app.by_jwt(&alice());
        let task = made(&alice, json!({"title": "a", "dueOn": "2027-03-01"})).await;
        assert_eq!(task["dueOn"], "2027-03-01");
        assert_eq!(task["dueAt"], "2027-03-01T23:59:59.999999Z");
        let count = async |filter: &str| {
            let query = format!("{{ tasks(filter: {{{filter}}}) {{ totalCount }} }}");
            alice.data(&query).await["tasks"]["totalCount"].clone()
        };
        assert_eq!(count("dueBefore: \"2027-03-02T00:00:00Z\"").await, 1);
        assert_eq!(count("dueBefore: \"2027-03-01T23:59:59Z\"").await, 0);
        let change = async |input: Value| {
            let update = format!("mutation($id: ID!, $i: UpdateTaskInput!) {{ updateTask(id: $id, input: $i) {{ {DUE} }} }}");
            alice.data_with(&update, json!({"id": task["id"], "i": input})).await["updateTask"].clone()
        };
        assert_eq!(change(json!({"title": "b"})).await["dueOn"], "2027-03-01");
        let moment = change(json!({"dueAt": "2027-04-01T09:30:00Z"})).await;
        assert_eq!((&moment["dueAt"], &moment["dueOn"]), (&json!("2027-04-01T09:30:00Z"), &Value::Null));
        assert_eq!(change(json!({"dueOn": "2028-02-29", "dueAt": null})).await["dueOn"], "2028-02-29");
        let none = change(json!({"dueOn": null})).await;
        assert_eq!((&none["dueAt"], &none["dueOn"]), (&Value::Null, &Value::Null));
    }

    async fn day_that_is_none_is_rejected(app: App) {
        let alice = app.by_jwt(&alice());
        let create = "mutation($i: CreateTaskInput!) { createTask(input: $i) { id } }";
        for day in [json!("2027-02-29"), json!("2027-3-1"), json!("2027-03-01T00:00:00Z"), json!("1999-12-31"), json!("12027-01-01"), json!(20_270_301), json!("")] {
            let answer = alice.ask_with(create, json!({"i": {"title": "a", "dueOn": day}})).await;
            assert!(!answer.complaint("input.dueOn").is_empty(), "{day}");
        }
        let both = json!({"title": "a", "dueOn": "2027-03-01", "dueAt": "2027-03-01T00:00:00Z"});
        let refused = alice.ask_with(create, json!({"i": both})).await;
        assert_eq!(refused.error()["extensions"]["problems"][0]["problem"], "CONFLICTING");
        assert!(refused.complaint("input.dueOn").contains("dueAt"));
        assert_eq!(alice.data("{ taskStats { total } }").await["taskStats"]["total"], 0);
    }
}
