//! Documents are validated against section 5 of the GraphQL specification, rule by rule.

use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{App, Backend};
use crate::support::callers::alice;

const VALID: [&str; 34] = [
    // 5.2 operations
    "query A { viewer { id } } query B { viewer { name } }",
    "subscription { taskEvents { kind taskId } }",
    // 5.3 fields
    "{ viewer { id } viewer { id name } }",
    "{ task(id: \"x\") { title: title title } }",
    "{ node(id: \"x\") { ... on Task { x: title } ... on Chapter { x: slug } } }",
    "{ node(id: \"x\") { id __typename } }",
    // 5.4 arguments
    "{ tasks { totalCount } }",
    "{ tasks(first: null) { totalCount } }",
    // 5.5 fragments
    "{ task(id: \"x\") { ...F } } fragment F on Task { title }",
    "{ node(id: \"x\") { ...F } } fragment F on Task { title }",
    "{ task(id: \"x\") { ... on Node { id } ... @include(if: true) { title } } }",
    "{ ...A } fragment A on Query { ...B } fragment B on Query { __typename }",
    // 5.6 values
    "{ tasks(filter: {priority: LOW, text: \"a\"}) { totalCount } }",
    "{ task(id: 4) { title } }",
    "{ tasks(filter: {completed: null}) { totalCount } }",
    "mutation { completeTasks(ids: \"x\") { tasks { id } } }",
    "mutation { createTask(input: {title: \"a\", tags: []}) { task { id } } }",
    "{ tasks(filter: {dueBefore: \"2027-03-01T09:30:00Z\"}) { totalCount } }",
    // 5.7 directives
    "{ __typename @include(if: true) @skip(if: false) }",
    // 5.8 variables
    "query($b: Boolean!) { __typename @include(if: $b) }",
    "query($b: Boolean = true) { __typename @skip(if: $b) }",
    "query($b: Boolean!) { ... @include(if: $b) { __typename } }",
    "query($b: Boolean!) { ...F @include(if: $b) } fragment F on Query { __typename }",
    "query($b: Boolean!) { ...F } fragment F on Query { __typename @skip(if: $b) }",
    "query($id: ID!) { task(id: $id) { title } }",
    "query($id: ID = \"x\") { task(id: $id) { title } }",
    "query($n: Int) { tasks(first: $n) { totalCount } }",
    "query($n: Int!) { tasks(first: $n) { totalCount } }",
    "query($f: TaskFilter) { tasks(filter: $f) { totalCount } }",
    "query($p: TaskPriority!) { tasks(filter: {priority: $p}) { totalCount } }",
    "mutation($t: String!) { createTask(input: {title: $t}) { task { id } } }",
    "mutation($p: TaskPriority) { createTask(input: {title: \"a\", priority: $p}) { task { id } } }",
    "mutation($id: ID!) { completeTasks(ids: [$id]) { tasks { id } } }",
    "mutation($ids: [ID!]!) { completeTasks(ids: $ids) { tasks { id } } }",
];

const INVALID: [&str; 51] = [
    // 5.2 operations
    "query A { viewer { id } } query A { viewer { name } }",
    "{ viewer { id } } query B { viewer { id } }",
    // 5.3 fields
    "{ nothing }",
    "{ viewer { nothing } }",
    "{ node(id: \"x\") { title } }",
    "{ viewer }",
    "{ viewer { id { x } } }",
    "{ viewer { name: id name } }",
    "{ tasks(first: 1) { totalCount } tasks(first: 2) { totalCount } }",
    "{ node(id: \"x\") { ... on Task { x: title } ... on Chapter { x: ordinal } } }",
    // 5.4 arguments
    "{ viewer(a: 1) { id } }",
    "{ __typename @skip(unless: true) }",
    "{ tasks(first: 1, first: 1) { totalCount } }",
    "{ task { title } }",
    "{ task(id: $id) { title } }",
    "{ __typename @skip }",
    // 5.5 fragments
    "{ ...F } fragment F on Query { __typename } fragment F on Query { viewer { id } }",
    "{ ...F } fragment F on Nothing { __typename }",
    "{ ... on Nothing { __typename } }",
    "{ ... on Int { __typename } }",
    "{ ...F } fragment F on TaskFilter { text }",
    "{ viewer { id } } fragment F on Query { __typename }",
    "{ ...F }",
    "{ task(id: \"x\") { ... on Chapter { title } } }",
    "{ task(id: \"x\") { ...F } } fragment F on Chapter { title }",
    // 5.7 directives
    "{ __typename @nothing }",
    "query @include(if: true) { __typename }",
    "{ __typename @skip(if: true) @skip(if: true) }",
    // 5.8 variables
    "query($a: Int, $a: Int) { tasks(first: $a) { totalCount } }",
    "query($t: Task) { task(id: $t) { title } }",
    "query($t: Nothing) { task(id: $t) { title } }",
    "query($n: Int) { __typename }",
    "query A($n: Int) { tasks(first: $n) { totalCount } } query B { tasks(first: $n) { totalCount } }",
    "query A { ...F } fragment F on Query { tasks(first: $n) { totalCount } }",
    "query($id: ID) { task(id: $id) { title } }",
    "query($id: ID = null) { task(id: $id) { title } }",
    "query($id: String!) { task(id: $id) { title } }",
    "query($n: [Int]) { tasks(first: $n) { totalCount } }",
    "query($b: Boolean) { __typename @include(if: $b) }",
    "query($b: String!) { __typename @include(if: $b) }",
    "query($id: ID) { ...F } fragment F on Query { task(id: $id) { title } }",
    "mutation($t: String) { createTask(input: {title: $t}) { task { id } } }",
    "mutation($t: Int!) { createTask(input: {title: $t}) { task { id } } }",
    "mutation($t: [String]) { createTask(input: {title: \"a\", tags: $t}) { task { id } } }",
    "mutation($t: String) { createTask(input: {title: \"a\", tags: [$t]}) { task { id } } }",
    "mutation($id: ID) { completeTasks(ids: [$id]) { tasks { id } } }",
    "mutation($ids: [ID]!) { completeTasks(ids: $ids) { tasks { id } } }",
    "mutation($ids: ID!) { completeTasks(ids: $ids) { tasks { id } } }",
    "mutation($p: String!) { createTask(input: {title: \"a\", priority: $p}) { task { id } } }",
    "query($p: TaskPriority = LOW, $t: String) { tasks(filter: {priority: $t}) { totalCount } }",
    "mutation($i: UpdateTaskInput!) { createTask(input: $i) { task { id } } }",
];

/// Invalid literal values, each with the input that is named.
const WRONG_VALUES: [(&str, &str); 16] = [
    (
        "mutation { createTask(input: {title: \"a\", priority: \"LOW\"}) { task { id } } }",
        "input.priority",
    ),
    (
        "mutation { createTask(input: {title: \"a\", priority: NEVER}) { task { id } } }",
        "input.priority",
    ),
    ("mutation { createTask(input: {title: 5}) { task { id } } }", "input.title"),
    ("mutation { createTask(input: {title: a}) { task { id } } }", "input.title"),
    ("mutation { createTask(input: {title: null}) { task { id } } }", "input.title"),
    ("mutation { createTask(input: {}) { task { id } } }", "input.title"),
    ("mutation { createTask(input: \"a\") { task { id } } }", "input"),
    ("mutation { createTask(input: {title: \"a\", nothing: 1}) { task { id } } }", "input.nothing"),
    (
        "mutation { createTask(input: {title: \"a\", tags: [\"b\", 5]}) { task { id } } }",
        "input.tags.1",
    ),
    (
        "mutation { createTask(input: {title: \"a\", dueAt: \"2027-03-01\"}) { task { id } } }",
        "input.dueAt",
    ),
    ("mutation { completeTasks(ids: [\"x\", null]) { tasks { id } } }", "ids.1"),
    ("{ tasks(first: \"5\") { totalCount } }", "first"),
    ("{ tasks(first: 3000000000) { totalCount } }", "first"),
    ("{ tasks(filter: {priority: \"LOW\"}) { totalCount } }", "filter.priority"),
    (
        "query($f: TaskFilter = {priority: \"LOW\"}) { tasks(filter: $f) { totalCount } }",
        "filter.priority",
    ),
    ("{ ...F } fragment F on Query { tasks(filter: {text: 5}) { totalCount } }", "filter.text"),
];

/// Values for the variables of [`VALID`].
fn values() -> Value {
    json!({"b": true, "id": "x", "ids": ["x"], "n": 5, "p": "LOW", "t": "a"})
}

#[tokio::test]
async fn documents_follow_the_specification() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for document in VALID {
        let body = json!({"query": document, "variables": values(), "operationName": document.contains("query A").then_some("A")});
        let answer = alice.send(&body).await;
        let codes = answer.codes();
        let is_rejected = ["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT", "INTERNAL"];
        assert!(
            !codes.iter().any(|code| is_rejected.contains(code)),
            "{document}: {}",
            answer.body
        );
    }
    for document in INVALID {
        let body = json!({"query": document, "variables": values(), "operationName": document.contains("query A").then_some("A")});
        let answer = alice.send(&body).await;
        let codes = answer.codes();
        // The parser rejects two operations with one name.
        let rejected = ["GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"];
        let expected = |code: &&str| rejected.contains(code);
        assert!(!codes.is_empty() && codes.iter().all(expected), "{document}: {}", answer.body);
        assert_eq!(answer.body.get("data"), None, "{document}");
    }
    for (document, path) in WRONG_VALUES {
        let answer = alice.ask(document).await;
        assert!(!answer.first_error(path).is_empty(), "{document}");
        assert_eq!(answer.body.get("data"), None, "{document}");
    }
    assert_eq!(
        alice.data("{ taskStats { total } }").await["taskStats"]["total"],
        3,
        "by valid ones"
    );
}

#[tokio::test]
async fn validation_errors_precede_cost_errors() {
    let app = App::with(Backend::Sqlite, &["--max-cost", "10"]).await;
    let alice = app.by_jwt(&alice());
    for (document, code) in [
        ("{ tasks(first: 100) { nodes { id title nothing } } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ tasks(first: 100) { nodes { id ...F } } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ tasks(first: 100, filter: {priority: NEVER}) { nodes { id } } }", "BAD_USER_INPUT"),
        (
            "{ analytics { totalUsers } tasks(first: 100) { nodes { id } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ tasks(first: 100) { nodes { id title } } }", "QUERY_REJECTED"),
    ] {
        assert_eq!(alice.ask(document).await.codes(), [code], "{document}");
        assert_eq!(alice.ask(document).await.codes(), [code], "from the cache: {document}");
    }
}

#[tokio::test]
async fn enum_variable_is_a_json_string() {
    let app = App::start(Backend::Sqlite).await;
    let create = "mutation($i: CreateTaskInput!) { createTask(input: $i) { task { priority } } }";
    let variables = json!({"i": {"title": "a", "priority": "LOW"}});
    let made = app.by_jwt(&alice()).data_with(create, variables).await;
    assert_eq!(made["createTask"]["task"]["priority"], "LOW");
}

#[tokio::test]
async fn hidden_and_unknown_names_fail_alike() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    for (hidden, unknown) in [
        ("{ analytics { totalUsers } }", "{ analytixs { totalUsers } }"),
        ("{ users(first: 5) { nodes { id } } }", "{ usarz(first: 5) { nodes { id } } }"),
        ("{ user(id: 5) { id } }", "{ usar(id: 5) { id } }"),
        (
            "{ chapter(slug: \"x\") { variants { id } } }",
            "{ chapter(slug: \"x\") { varients { id } } }",
        ),
        (
            "query($f: AuditEventFilter) { tasks(filter: $f) { totalCount } }",
            "query($f: AudatEventFilter) { tasks(filter: $f) { totalCount } }",
        ),
    ] {
        let (hidden, unknown) = (alice.ask(hidden).await, alice.ask(unknown).await);
        let renamed =
            hidden.body.to_string().replace("analytics", "analytixs").replace("users", "usarz");
        let renamed = renamed
            .replace("user`", "usar`")
            .replace("variants", "varients")
            .replace("AuditEvent", "AudatEvent");
        assert_eq!(renamed, unknown.body.to_string());
    }
}

on_both_databases! {
    async fn every_invalid_input_is_named_at_once(app: App) {
        let alice = app.by_jwt(&alice());
        let variables = json!({"i": {"priority": "NEVER", "dueAt": "2027-03-01", "tags": ["a", 5], "nothing": 1}, "n": "5"});
        let create = "mutation($i: CreateTaskInput!, $n: Int) { createTask(input: $i) { task { viewer { canUpdate } } } }";
        let literal = "mutation { createTask(input: {priority: NEVER, dueAt: \"2027-03-01\", tags: [\"a\", 5], nothing: 1}) { task { id } } }";
        let paths = ["input.nothing", "input.title", "input.priority", "input.dueAt", "input.tags.1"];
        let by_variable = alice.ask_with(&create.replace(", $n: Int", ""), variables).await;
        for answer in [by_variable, alice.ask(literal).await] {
            let problems = answer.error()["extensions"]["problems"].as_array().unwrap();
            let named: Vec<_> = problems.iter().map(|problem| problem["path"].as_str().unwrap()).collect();
            assert_eq!(named, paths, "{}", answer.body);
            let kinds: Vec<_> = problems.iter().map(|problem| problem["problem"].as_str().unwrap()).collect();
            assert_eq!(kinds, ["UNKNOWN_FIELD", "REQUIRED", "WRONG_TYPE", "WRONG_TYPE", "WRONG_TYPE"]);
            for path in paths {
                assert!(!answer.first_error(path).is_empty());
            }
            assert!(answer.first_error("input.dueAt").contains("2027-03-01T09:30:00Z"));
            assert!(answer.first_error("input.priority").contains("LOW, MEDIUM, HIGH, URGENT"));
        }
        let long = json!({"t": "x".repeat(201), "g": ["y".repeat(41)]});
        let create = "mutation($t: String!, $g: [String!]!) { createTask(input: {title: $t, tags: $g}) { task { id } } }";
        let answer = alice.ask_with(create, long).await;
        let problems = &answer.error()["extensions"]["problems"];
        assert_eq!(problems[0]["path"], "input.title");
        assert_eq!((&problems[0]["problem"], &problems[0]["limit"]), (&json!("TOO_LONG"), &json!(200)));
        assert_eq!(problems[1]["path"], "input.tags.0");
        assert_eq!((&problems[1]["problem"], &problems[1]["limit"]), (&json!("TOO_LONG"), &json!(40)));
        for (document, limit) in [
            ("{ tasks(first: -1) { totalCount } }", 0),
            ("{ tasks(last: 101) { totalCount } }", 100),
            ("{ recommendations(first: -1) { because } }", 1),
            ("{ recommendations(first: 1000) { because } }", 100),
            ("mutation { recordProgress(chapterId: \"x\", percent: 101) { progress { percent } } }", 100),
            ("mutation { recordProgress(chapterId: \"x\", percent: -1) { progress { percent } } }", 0),
        ] {
            let problem = alice.ask(document).await.error()["extensions"]["problems"][0].clone();
            assert_eq!((&problem["problem"], &problem["limit"]), (&json!("OUT_OF_RANGE"), &json!(limit)), "{document}");
        }
        let wrong = alice.ask_with("query($n: Int) { tasks(first: $n) { totalCount } }", json!({"n": "5"})).await;
        assert!(!wrong.first_error("first").is_empty());
        let wrong = alice.ask_with("query($b: Boolean!) { __typename @skip(if: $b) }", json!({"b": 5})).await;
        assert!(!wrong.first_error("if").is_empty());
    }
}
