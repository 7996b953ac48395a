//! Fields of one response key are merged (section 5.3.2 of the GraphQL specification), however objects are written.

use serde_json::{Value, json};

use crate::support::app::{App, Backend};
use crate::support::callers::{alice, bob};

#[tokio::test]
async fn repeated_fields_are_merged() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let create = "mutation { createTask(input: {title: \"One\", tags: [\"a\"]}) { task { id } } }";
    alice.data(create).await;
    let plain = alice.data("{ tasks { nodes { title tags viewer { canDelete } version } } }").await;
    let node = &plain["tasks"]["nodes"][0];
    assert_eq!(
        (&node["title"], &node["tags"], &node["version"]),
        (&json!("One"), &json!(["a"]), &json!(1))
    );
    for document in [
        "{ tasks { nodes { title } nodes { tags viewer { canDelete } version } } }",
        "{ tasks { nodes { title tags } } tasks { nodes { viewer { canDelete } version } } }",
        "{ tasks { nodes { title title tags viewer { canDelete } tags version title } } }",
        "{ tasks { nodes { title ...A ...B } } }
         fragment A on Task { title tags } fragment B on Task { tags viewer { canDelete } version }",
        "{ tasks { ...C nodes { viewer { canDelete } version } } }
         fragment C on TaskConnection { nodes { title tags } }",
        "{ tasks { nodes { title ... on Task { tags viewer { canDelete } } ... { viewer { canDelete } version } } } }",
        "{ tasks { nodes { ...A ...A viewer { canDelete } version } } } fragment A on Task { title tags }",
        "{ tasks { nodes { title tags viewer { canDelete } version @include(if: true) tags @skip(if: true) } } }",
    ] {
        assert_eq!(alice.data(document).await, plain, "{document}");
    }
}

const CREATE: &str = "createTask(input: {title: \"One\"})";

#[tokio::test]
async fn merged_mutation_is_executed_once() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for (number, document) in (1..).zip([
        format!("mutation {{ {CREATE} {{ task {{ id }} }} {CREATE} {{ task {{ title }} }} }}"),
        format!("mutation {{ {CREATE} {{ task {{ title }} }} ...F }} fragment F on Mutation {{ {CREATE} {{ task {{ id }} }} }}"),
        format!("mutation {{ ...F ...F }} fragment F on Mutation {{ {CREATE} {{ task {{ id title }} }} }}"),
    ]) {
        let created = alice.data(&document).await;
        let task = &created["createTask"]["task"];
        assert!(task["id"].is_string() && task["title"] == "One", "{created}");
        let count = alice.data("{ tasks { totalCount } }").await;
        assert_eq!(count["tasks"]["totalCount"], json!(number), "{document}");
    }
}

#[tokio::test]
async fn skipped_mutation_is_not_executed() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for (variables, directive, given, is_executed) in [
        ("$v: Boolean = true", "@skip(if: $v)", json!({}), false),
        ("$v: Boolean = true", "@include(if: $v)", json!({}), true),
        ("$v: Boolean! = false", "@include(if: $v)", json!({}), false),
        ("$v: Boolean! = false", "@skip(if: $v)", json!({}), true),
        ("$v: Boolean = true", "@skip(if: $v)", json!({"v": false}), true),
        ("$v: Boolean! = true", "@include(if: $v)", json!({"v": false}), false),
    ] {
        for selection in [
            format!("{CREATE} {directive} {{ task {{ id }} }}"),
            format!("... {directive} {{ {CREATE} {{ task {{ id }} }} }}"),
            format!("...F {directive}"),
        ] {
            let fragment = format!("fragment F on Mutation {{ {CREATE} {{ task {{ id }} }} }}");
            let fragment = if selection.starts_with("...F") { fragment } else { String::new() };
            let document = format!("mutation({variables}) {{ {selection} }} {fragment}");
            let data = alice.data_with(&document, given.clone()).await;
            assert_eq!(data.get("createTask").is_some(), is_executed, "{document}: {data}");
        }
    }
    assert_eq!(alice.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], json!(9));
}

#[tokio::test]
async fn unknown_field_that_is_skipped_is_absent() {
    let app = App::start(Backend::Sqlite).await;
    let document = "query($n: Boolean = true) { me { id nope @skip(if: $n) } analytics @skip(if: $n) { totalUsers } }";
    let data = app.by_jwt(&alice()).data(document).await;
    assert_eq!(data, json!({"me": {"id": data["me"]["id"]}}));
}

#[tokio::test]
async fn failure_of_a_merged_object_has_one_error() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let task =
        app.by_jwt(&alice()).data(&format!("mutation {{ {CREATE} {{ task {{ id }} }} }}")).await;
    let id = task["createTask"]["task"]["id"].as_str().unwrap();
    let publish = "mutation($id: ID!) { updateTask(id: $id, expectedVersion: 1, input: {isPublic: true}) { task { id } } }";
    app.by_jwt(&alice()).data_with(publish, json!({"id": id})).await;
    for document in [
        "query($id: ID!) { task(id: $id) { description } task(id: $id) { description } }",
        "query($id: ID!) { task(id: $id) { description description } }",
        "query($id: ID!) { task: node(id: $id) { ... on Node { id } ... on Task { description description } } }",
        "query($id: ID!) { task(id: $id) { ... on Node { id } ... on Task { description } description } }",
    ] {
        let answer = app.by_jwt(&bob()).ask_with(document, json!({"id": id})).await;
        assert_eq!(answer.codes(), ["FORBIDDEN"], "{document}");
        assert_eq!(answer.error()["path"], json!(["task", "description"]), "{document}");
    }
    let null = json!({"course": Value::Null});
    for document in [
        "{ course(slug: \"rust-apis\") { slug } course(slug: \"rust-apis\") { chapters(first: 101) { totalCount } } }",
        "{ course(slug: \"rust-apis\") { chapters(first: 101) { totalCount } } course(slug: \"rust-apis\") { slug } }",
    ] {
        let answer = app.anonymous().ask(document).await;
        assert_eq!(answer.body["data"], null, "{}", answer.body);
        assert_eq!(answer.error()["path"], json!(["course", "chapters"]));
    }
}

#[tokio::test]
async fn path_of_an_error_in_a_list_is_whole() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    for (list, path) in [
        (
            "nodes { slug chapters(first: 101) { totalCount } }",
            json!(["courses", "nodes", 0, "chapters"]),
        ),
        (
            "edges { node { chapters(first: 101) { totalCount } } }",
            json!(["courses", "edges", 0, "node", "chapters"]),
        ),
    ] {
        let answer = app.anonymous().ask(&format!("{{ courses(first: 1) {{ {list} }} }}")).await;
        assert_eq!(answer.error()["path"], path, "{}", answer.body);
    }
}

#[tokio::test]
async fn omitted_variable_leaves_the_default() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let document =
        "query($n: Int) { taskTags(first: $n) { tag } recommendations(first: $n) { because } }";
    let data = alice.data(document).await;
    assert!(data["taskTags"].is_array() && data["recommendations"].is_array(), "{data}");
    let null = alice.ask_with(document, json!({"n": null})).await;
    assert_eq!(null.codes().first().copied(), Some("BAD_USER_INPUT"), "{}", null.body);
}

#[tokio::test]
async fn fields_with_different_arguments_are_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for document in [
        "{ nodes(ids: [\"a\"]) { id } nodes(ids: []) { id } }",
        "{ tasks(filter: {tags: []}) { totalCount } tasks(filter: {tags: [\"a\"]}) { totalCount } }",
        "mutation { completeTasks(ids: []) { tasks { id } } completeTasks(ids: [\"a\"]) { tasks { title } } }",
    ] {
        let answer = alice.ask(document).await;
        assert_eq!(answer.codes(), ["GRAPHQL_VALIDATION_FAILED"], "{document}");
    }
}

#[tokio::test]
async fn operation_name_must_be_that_of_an_operation() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for (document, name, is_executed) in [
        ("{ me { id } }", json!("X"), false),
        ("{ me { id } }", Value::Null, true),
        ("query X { me { id } }", json!("X"), true),
        ("query X { me { id } }", json!("Y"), false),
        ("query X { me { id } me { id } }", json!("X"), true),
    ] {
        let body = json!({"query": document, "operationName": name});
        let answer = alice.send(&body).await;
        assert_eq!(answer.body.get("data").is_some(), is_executed, "{document} {name}");
    }
}

#[tokio::test]
async fn repeated_key_of_an_input_is_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for document in [
        "mutation { createTask(input: {title: \"one\", title: \"two\"}) { task { id } } }",
        "{ tasks(filter: {completed: true, completed: false}) { totalCount } }",
        "query($f: TaskFilter = {text: \"a\", text: \"b\"}) { tasks(filter: $f) { totalCount } }",
        "mutation { ...F } fragment F on Mutation { createTasks(inputs: [{title: \"a\", title: \"b\"}]) { tasks { id } } }",
    ] {
        let answer = alice.ask(document).await;
        assert_eq!(answer.codes(), ["GRAPHQL_VALIDATION_FAILED"], "{document}: {}", answer.body);
    }
}

#[tokio::test]
async fn null_is_not_the_default_where_it_is_invalid() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for (document, path) in [
        ("query($v: Boolean = true) { me @include(if: $v) { id } }", "if"),
        ("query($v: Boolean = true) { me { id name @skip(if: $v) } }", "if"),
        ("query($v: Int = 2) { taskTags(first: $v) { tag } }", "first"),
        ("query($v: Int! = 2) { taskTags(first: $v) { tag } }", "first"),
        (
            "mutation($v: Boolean = true) { recordProgress(chapterId: \"x\", percent: 1, reset: $v) { progress { percent } } }",
            "reset",
        ),
    ] {
        let answer = alice.ask_with(document, json!({"v": null})).await;
        assert_eq!(answer.codes(), ["BAD_USER_INPUT"], "{document}: {}", answer.body);
        let problems = &answer.error()["extensions"]["problems"];
        let expected = json!({"path": path, "problem": "REQUIRED", "message": "must not be null"});
        assert_eq!(*problems, json!([expected]), "{document}");
        let omitted = alice.ask(document).await;
        assert!(omitted.body["errors"][0]["extensions"]["fields"].is_null(), "{}", omitted.body);
    }
    let nullable = "query($v: Int = 2) { tasks(first: $v) { totalCount } }";
    let all = alice.ask_with(nullable, json!({"v": null})).await;
    assert_eq!(all.body, json!({"data": {"tasks": {"totalCount": 0}}}));
}
