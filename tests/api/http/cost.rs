//! The cost of a document is calculated before it runs.

use hallpass::access::SchemaView;
use hallpass::http::Weights;
use serde_json::{Value, json};

use crate::support::app::{App, Backend, application};
use crate::support::callers::alice;

const TASK: &str = "id title completed completedAt priority dueAt tags isPublic isOwner version createdAt \
                    updatedAt viewer { canUpdate canDelete canPublish }";

/// The cost of `query` that the server reports.
async fn cost(app: &App, query: &str, variables: Value) -> u64 {
    let rejected = app.by_jwt(&alice()).ask_with(query, variables).await;
    assert_eq!(rejected.codes(), ["QUERY_REJECTED"], "{}", rejected.body);
    let message = rejected.error()["message"].as_str().unwrap();
    let words = message.strip_prefix("The query costs ").unwrap_or_else(|| panic!("{message}"));
    words.split(',').next().unwrap().parse().unwrap()
}

#[test]
fn weighted_names_are_fields_of_the_schema() {
    let types = application().schema().types(SchemaView::FULL);
    let has = |name: &str| types.types.values().any(|kind| kind.field_by_name(name).is_some());
    for name in Weights::of(application()).names() {
        assert!(has(name) || name == "__schema", "{name}");
    }
}

#[tokio::test]
async fn plain_fields_count_for_each_item() {
    let app = App::with(Backend::Sqlite, &["--max-cost", "1"]).await;
    for (query, variables, expected) in [
        ("{ tasks(first: 100) { nodes { id } } }", json!({}), 111),
        ("query($n: Int) { tasks(first: $n) { nodes { id } } }", json!({"n": 100}), 111),
        ("query($n: Int = 100) { tasks(last: $n) { nodes { id } } }", json!({}), 111),
        ("{ tasks(first: 100) { nodes { a: description b: description } } }", json!({}), 301),
        (
            "{ tasks(first: 100) { ...F } } fragment F on TaskConnection { nodes { id } }",
            json!({}),
            112,
        ),
        ("{ tasks { edges { node { id } } pageInfo { hasNextPage } } }", json!({}), 45),
        ("{ tasks(first: 100) { totalCount nodes { id } } }", json!({}), 121),
        ("{ chapters(first: 10) { nodes { personalized { body bodyHtml } } } }", json!({}), 111),
        ("{ taskStats { byPriority { priority count } } }", json!({}), 16),
        (
            "mutation($ids: [ID!]!) { completeTasks(ids: $ids) { tasks { id } } }",
            json!({"ids": vec!["x"; 50]}),
            106,
        ),
        (
            "mutation($i: [CreateTaskInput!]!) { createTasks(inputs: $i) { taskStats { total } } }",
            json!({"i": vec![json!({"title": "x"}); 50]}),
            556,
        ),
    ] {
        assert_eq!(cost(&app, query, variables).await, expected, "{query}");
    }
}

#[tokio::test]
async fn searches_count_in_variables_and_defaults() {
    let app = App::with(Backend::Sqlite, &["--max-cost", "1"]).await;
    for (query, variables, searches) in [
        ("{ tasks(filter: {text: \"a\"}) { nodes { id } } }", json!({}), 1),
        ("query($t: String) { tasks(filter: {text: $t}) { nodes { id } } }", json!({"t": "a"}), 1),
        ("query($t: String) { tasks(filter: {text: $t}) { nodes { id } } }", json!({"t": null}), 0),
        ("query($t: String = \"a\") { tasks(filter: {text: $t}) { nodes { id } } }", json!({}), 1),
        (
            "query($f: TaskFilter) { tasks(filter: $f) { nodes { id } } }",
            json!({"f": {"text": "a"}}),
            1,
        ),
        (
            "query($f: TaskFilter) { tasks(filter: $f) { nodes { id } } }",
            json!({"f": {"text": null}}),
            0,
        ),
        (
            "query($f: TaskFilter = {text: \"a\"}) { tasks(filter: $f) { nodes { id } } }",
            json!({}),
            1,
        ),
        ("{ tasks(filter: {completed: true}) { nodes { id } } }", json!({}), 0),
    ] {
        let expected = 23 + 50 * searches;
        assert_eq!(cost(&app, query, variables).await, expected, "{query}");
    }
}

#[tokio::test]
async fn twenty_counted_searches_cost_too_much() {
    let app = App::start(Backend::Sqlite).await;
    let search = "publicTasks(filter: {text: \"zz0\"}) { totalCount nodes { id } }";
    let all: String = (0..20).map(|n| format!("a{n}: {search} ")).collect();
    let rejected = app.anonymous().ask(&format!("{{ {all} }}")).await;
    assert_eq!(rejected.codes(), ["QUERY_REJECTED"]);
    app.anonymous().data(&format!("{{ {search} }}")).await;
}

#[tokio::test]
async fn typical_pages_fit_the_cost_limit() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let chapter = "id slug title summary ordinal course { id title } interestAreas requiredTier published \
                   viewer { canRead canEdit why } progress { percent completed } bookmarked";
    for query in [
        format!("{{ tasks(first: 100) {{ totalCount pageInfo {{ hasNextPage }} nodes {{ {TASK} description }} }} }}"),
        format!("{{ tasks(first: 50, filter: {{text: \"a\"}}) {{ totalCount nodes {{ {TASK} description }} }} }}"),
        format!("{{ chapters(first: 100) {{ totalCount nodes {{ {chapter} }} }} }}"),
        "{ chapters(first: 100) { nodes { title personalized { body } } } }".to_owned(),
        format!("{{ me {{ id }} taskStats {{ total overdue byPriority {{ priority count }} }} recommendations {{ chapter {{ title }} because }}
                   tasks {{ totalCount nodes {{ {TASK} }} }} publicTasks {{ totalCount nodes {{ title }} }} chapters {{ totalCount nodes {{ {chapter} }} }} }}"),
    ] {
        let answer = alice.ask(&query).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.codes().contains(&"QUERY_REJECTED"), "{}", answer.body);
    }
}

#[tokio::test]
async fn deep_type_introspection_is_rejected() {
    let app = App::with(Backend::Sqlite, &["--introspection", "true"]).await;
    let nested =
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
    assert_eq!(app.anonymous().ask(nested).await.codes(), ["QUERY_REJECTED"]);
    app.anonymous().data("{ __schema { types { fields { type { fields { name } } } } } }").await;
}
