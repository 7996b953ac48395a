//! A task is due at a time, or at the end of a day.

use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::Client;
use crate::support::callers::alice;

const DUE: &str = "id dueAt dueOn";

async fn made(who: &Client<'_>, input: Value) -> Value {
    let create = format!(
        "mutation($i: CreateTaskInput!) {{ createTask(input: $i) {{ task {{ {DUE} }} }} }}"
    );
    who.data_with(&create, json!({"i": input})).await["createTask"]["task"].clone()
}

on_both_databases! {
    async fn due_day_ends_at_its_last_instant_in_utc(app: App) {
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
            let update = format!("mutation($id: ID!, $i: UpdateTaskInput!) {{ updateTask(id: $id, input: $i) {{ task {{ {DUE} }} }} }}");
            alice.data_with(&update, json!({"id": task["id"], "i": input})).await["updateTask"]["task"].clone()
        };
        assert_eq!(change(json!({"title": "b"})).await["dueOn"], "2027-03-01");
        let moment = change(json!({"dueAt": "2027-04-01T09:30:00Z"})).await;
        assert_eq!((&moment["dueAt"], &moment["dueOn"]), (&json!("2027-04-01T09:30:00Z"), &Value::Null));
        assert_eq!(change(json!({"dueOn": "2028-02-29", "dueAt": null})).await["dueOn"], "2028-02-29");
        let none = change(json!({"dueOn": null})).await;
        assert_eq!((&none["dueAt"], &none["dueOn"]), (&Value::Null, &Value::Null));
    }

    async fn null_clears_only_the_field_that_was_set(app: App) {
        let alice = app.by_jwt(&alice());
        let time = json!({"dueAt": "2027-04-01T09:30:00Z", "dueOn": null});
        let day = json!({"dueAt": "2027-03-01T23:59:59.999999Z", "dueOn": "2027-03-01"});
        let none = json!({"dueAt": null, "dueOn": null});
        for (given, removed, left) in [
            (json!({"dueAt": "2027-04-01T09:30:00Z"}), json!({"dueOn": null}), &time),
            (json!({"dueAt": "2027-04-01T09:30:00Z"}), json!({"dueAt": null}), &none),
            (json!({"dueOn": "2027-03-01"}), json!({"dueAt": null}), &day),
            (json!({"dueOn": "2027-03-01"}), json!({"dueOn": null}), &none),
            (json!({"dueAt": "2027-04-01T09:30:00Z"}), json!({"dueAt": null, "dueOn": null}), &none),
            (json!({"dueOn": "2027-03-01"}), json!({"dueAt": null, "dueOn": null}), &none),
            (json!({}), json!({"dueOn": null}), &none),
        ] {
            let mut input = given.clone();
            input["title"] = json!("a");
            let task = made(&alice, input).await;
            let update = format!("mutation($id: ID!, $i: UpdateTaskInput!) {{ updateTask(id: $id, input: $i) {{ task {{ {DUE} }} }} }}");
            let changed = alice.data_with(&update, json!({"id": task["id"], "i": removed})).await["updateTask"]["task"].clone();
            let due = json!({"dueAt": changed["dueAt"], "dueOn": changed["dueOn"]});
            assert_eq!(due, *left, "{given} without {removed}");
        }
    }

    async fn invalid_date_has_a_plain_message(app: App) {
        let alice = app.by_jwt(&alice());
        let create = "mutation($i: CreateTaskInput!) { createTask(input: $i) { task { id } } }";
        for (name, text, kind, limit, message) in [
            ("dueOn", "2026-02-30", "INVALID", Value::Null, "this date does not exist: give a date of the calendar, such as 2027-03-01"),
            ("dueAt", "2026-02-30T09:30:00Z", "INVALID", Value::Null, "this date does not exist: give a date of the calendar, such as 2027-03-01"),
            ("dueAt", "12026-01-01T00:00:00Z", "OUT_OF_RANGE", json!(9999), "the year is out of range: give a year of four digits, such as 2027"),
            ("dueAt", "9999-12-31T23:59:59Z", "OUT_OF_RANGE", json!(2199), "give a date in the years 2000 to 2199"),
            ("dueOn", "1999-12-31", "OUT_OF_RANGE", json!(2000), "give a date in the years 2000 to 2199"),
        ] {
            let literal = format!("mutation {{ createTask(input: {{title: \"a\", {name}: \"{text}\"}}) {{ task {{ id }} }} }}");
            let by_variable = alice.ask_with(create, json!({"i": {"title": "a", name: text}})).await;
            for answer in [alice.ask(&literal).await, by_variable] {
                assert_eq!(answer.first_error(&format!("input.{name}")), message, "{text}");
                let problem = &answer.error()["extensions"]["problems"][0];
                assert_eq!((&problem["problem"], &problem["limit"]), (&json!(kind), &limit), "{text}");
            }
        }
    }

    async fn nonexistent_day_is_rejected(app: App) {
        let alice = app.by_jwt(&alice());
        let create = "mutation($i: CreateTaskInput!) { createTask(input: $i) { task { id } } }";
        for day in [json!("2027-02-29"), json!("2027-3-1"), json!("2027-03-01T00:00:00Z"), json!("1999-12-31"), json!("12027-01-01"), json!(20_270_301), json!("")] {
            let answer = alice.ask_with(create, json!({"i": {"title": "a", "dueOn": day}})).await;
            assert!(!answer.first_error("input.dueOn").is_empty(), "{day}");
        }
        let both = json!({"title": "a", "dueOn": "2027-03-01", "dueAt": "2027-03-01T00:00:00Z"});
        let rejected = alice.ask_with(create, json!({"i": both})).await;
        assert_eq!(rejected.error()["extensions"]["problems"][0]["problem"], "CONFLICTING");
        assert!(rejected.first_error("input.dueOn").contains("dueAt"));
        assert_eq!(alice.data("{ taskStats { total } }").await["taskStats"]["total"], 0);
    }
}
