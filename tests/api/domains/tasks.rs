//! Users manage their own tasks.

use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{App, Client, GraphQlResponse};
use crate::support::callers::{alice, bob, user};

const CREATE: &str = "mutation($input: CreateTaskInput!) { createTask(input: $input) { task {
    id title description completed completedAt priority dueAt tags isPublic isOwner version
    createdAt updatedAt } } }";

async fn create(who: &Client<'_>, input: Value) -> Value {
    who.data_with(CREATE, json!({ "input": input })).await["createTask"]["task"].clone()
}

async fn create_id(who: &Client<'_>, input: Value) -> String {
    create(who, input).await["id"].as_str().unwrap().to_owned()
}

async fn update(who: &Client<'_>, id: &str, input: Value, version: Option<i32>) -> GraphQlResponse {
    who.ask_with(
        "mutation($id: ID!, $input: UpdateTaskInput!, $version: Int) {
            updateTask(id: $id, input: $input, expectedVersion: $version) { task {
                title description priority dueAt tags isPublic version } } }",
        json!({"id": id, "input": input, "version": version}),
    )
    .await
}

on_both_databases! {
    async fn new_task_reads_back_as_written(app: App) {
        let alice = app.by_jwt(&alice());
        let task = create(&alice, json!({
            "title": "  Mount the sensor ", "description": "M3 screws", "priority": "HIGH",
            "dueAt": "2027-03-01T09:30:00.123456Z", "tags": ["robot", "hardware", "robot"],
        })).await;
        assert_eq!(task["title"], "Mount the sensor");
        assert_eq!(task["dueAt"], "2027-03-01T09:30:00.123456Z");
        assert_eq!(task["tags"], json!(["robot", "hardware"]));
        assert_eq!(
            json!([task["completed"], task["completedAt"], task["isPublic"], task["isOwner"],
                   task["version"], task["priority"], task["description"]]),
            json!([false, null, false, true, 1, "HIGH", "M3 screws"])
        );
        let read = alice.data_with(
            "query($id: ID!) { task(id: $id) { id title description completed completedAt priority
                dueAt tags isPublic isOwner version createdAt updatedAt }
                node(id: $id) { __typename id ... on Task { title } } }",
            json!({ "id": task["id"] }),
        ).await;
        assert_eq!(read["task"], task);
        assert_eq!(read["node"]["__typename"], "Task");
        assert_eq!(read["node"]["title"], "Mount the sensor");
    }

    async fn new_task_has_default_values(app: App) {
        let task = create(&app.by_jwt(&alice()), json!({ "title": "Read" })).await;
        assert_eq!(
            json!([task["priority"], task["description"], task["dueAt"], task["tags"]]),
            json!(["MEDIUM", null, null, []])
        );
    }

    async fn private_task_is_invisible_to_others(app: App) {
        let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let id = create_id(&alice, json!({"title": "Secret", "tags": ["hidden"]})).await;
        let seen = bob.data_with(
            "query($id: ID!) { task(id: $id) { title } node(id: $id) { id }
                tasks { totalCount nodes { title } } publicTasks { totalCount }
                taskStats { total }
                found: tasks(filter: {text: \"Secret\"}) { totalCount }
                tagged: tasks(filter: {tag: \"hidden\"}) { totalCount } }",
            json!({ "id": id }),
        ).await;
        assert_eq!(seen, json!({
            "task": null, "node": null, "tasks": {"totalCount": 0, "nodes": []},
            "publicTasks": {"totalCount": 0}, "taskStats": {"total": 0},
            "found": {"totalCount": 0}, "tagged": {"totalCount": 0},
        }));
        assert_eq!(alice.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 1);
    }

    async fn foreign_id_is_not_found(app: App) {
        let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let foreign = create_id(&alice, json!({ "title": "Secret" })).await;
        let gone = create_id(&alice, json!({ "title": "Gone" })).await;
        alice.data_with("mutation($id: ID!) { deleteTask(id: $id) { deletedTaskId } }", json!({ "id": gone })).await;
        let own = create_id(&bob, json!({ "title": "Own" })).await;
        for document in [
            "query($id: ID!, $own: ID!) { task(id: $id) { id } own: task(id: $own) { title } }",
            "query($id: ID!, $own: ID!) { node(id: $id) { id } own: node(id: $own) { id } }",
            "mutation($id: ID!, $own: ID!) { updateTask(id: $id, input: {title: \"x\"}) { task { id } } completeTask(id: $own) { task { completed } } }",
            "mutation($id: ID!, $own: ID!) { updateTask(id: $id, input: {title: \"x\"}, expectedVersion: 1) { task { id } } reopenTask(id: $own) { task { completed } } }",
            "mutation($id: ID!, $own: ID!) { completeTask(id: $id) { task { id } } reopenTask(id: $own) { task { completed } } }",
            "mutation($id: ID!, $own: ID!) { reopenTask(id: $id) { task { id } } completeTask(id: $own) { task { completed } } }",
            "mutation($id: ID!, $own: ID!) { deleteTask(id: $id) { deletedTaskId } reopenTask(id: $own) { task { completed } } }",
            "mutation($id: ID!, $own: ID!) { completeTasks(ids: [$own, $id]) { tasks { id } } reopenTask(id: $own) { task { completed } } }",
            "mutation($id: ID!, $own: ID!) { deleteTasks(ids: [$own, $id]) { deletedTaskIds } reopenTask(id: $own) { task { completed } } }",
        ] {
            let ask = |id: &str| {
                let (bob, variables) = (bob.clone(), json!({"id": id, "own": own}));
                async move { bob.ask_with(document, variables).await }
            };
            let (foreign, gone, nonexistent) = (ask(&foreign).await, ask(&gone).await, ask("nonsense").await);
            assert_eq!(foreign.status, gone.status);
            assert_eq!(foreign.body, gone.body, "{document}");
            assert_eq!(foreign.body, nonexistent.body, "{document}");
        }
        let after = alice.data("{ tasks { nodes { title completed version } } }").await;
        assert_eq!(after["tasks"]["nodes"], json!([{"title": "Secret", "completed": false, "version": 1}]));
    }

    async fn public_task_hides_private_fields(app: App) {
        let alice = app.by_jwt(&alice());
        let id = create_id(&alice, json!({
            "title": "Open", "description": "private words", "tags": ["inner"], "isPublic": true,
        })).await;
        let document = "query($id: ID!) { task(id: $id) {
            title isOwner description priority dueAt tags completed } }";
        let variables = json!({ "id": id });
        let seen = app.by_jwt(&bob()).ask_with(document, variables.clone()).await;
        assert_eq!(seen.body["data"]["task"], json!({
            "title": "Open", "isOwner": false, "description": null, "priority": null,
            "dueAt": null, "tags": null, "completed": false,
        }));
        assert_eq!(seen.codes(), ["FORBIDDEN"; 4]);
        let paths: Vec<_> = seen.body["errors"].as_array().unwrap().iter().map(|e| e["path"].clone()).collect();
        for field in ["description", "priority", "dueAt", "tags"] {
            assert!(paths.contains(&json!(["task", field])), "{paths:?}");
        }
        assert_eq!(seen.body["errors"][0]["extensions"]["rule"], "OWNER");
        let anonymous = app.anonymous().ask_with(document, variables.clone()).await;
        assert_eq!(anonymous.codes(), ["UNAUTHENTICATED"; 4]);
        assert_eq!(anonymous.body["data"]["task"]["title"], "Open");
        assert_eq!(alice.data_with(document, variables).await["task"]["tags"], json!(["inner"]));
        let listed = app.anonymous().data("{ publicTasks { totalCount nodes { title } } }").await;
        assert_eq!(listed["publicTasks"], json!({"totalCount": 1, "nodes": [{ "title": "Open" }]}));
        let searched = app.anonymous()
            .data("{ publicTasks(filter: {text: \"private\"}) { totalCount } }").await;
        assert_eq!(searched["publicTasks"]["totalCount"], 0, "hidden words are not searched");
    }

    async fn anonymous_cannot_list_or_create_tasks(app: App) {
        let answer = app.anonymous().ask("{ tasks { totalCount } publicTasks { totalCount } }").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["data"], json!({"tasks": null, "publicTasks": {"totalCount": 0}}));
        let error = answer.error();
        assert_eq!(error["path"], json!(["tasks"]));
        assert_eq!(error["extensions"]["code"], "UNAUTHENTICATED");
        assert_eq!(error["extensions"]["rule"], "SIGNED_IN");
        let rejected = app.anonymous().ask_with(CREATE, json!({"input": {"title": "x"}})).await;
        assert_eq!(rejected.codes(), ["UNAUTHENTICATED"]);
    }

    async fn update_changes_only_given_fields(app: App) {
        let alice = app.by_jwt(&alice());
        let id = create_id(&alice, json!({
            "title": "One", "description": "words", "tags": ["a"], "dueAt": "2027-01-01T00:00:00Z",
        })).await;
        let changed = update(&alice, &id, json!({ "title": "Two" }), None).await.data();
        assert_eq!(changed["updateTask"]["task"], json!({
            "title": "Two", "description": "words", "priority": "MEDIUM",
            "dueAt": "2027-01-01T00:00:00Z", "tags": ["a"], "isPublic": false, "version": 2,
        }));
        let cleared = json!({"description": null, "dueAt": null, "tags": ["b", "c"]});
        let changed = update(&alice, &id, cleared, None).await.data();
        assert_eq!(changed["updateTask"]["task"]["description"], Value::Null);
        assert_eq!(changed["updateTask"]["task"]["dueAt"], Value::Null);
        assert_eq!(changed["updateTask"]["task"]["tags"], json!(["b", "c"]));
        let rejected = update(&alice, &id, json!({ "title": null }), None).await;
        assert!(rejected.first_error("input.title").contains("must not be null"));
    }

    async fn omitted_variable_changes_nothing(app: App) {
        let alice = app.by_jwt(&alice());
        let id = create_id(&alice, json!({"title": "Kept", "description": "kept"})).await;
        let document = "mutation($id: ID!, $title: String, $words: String) {
            updateTask(id: $id, input: {title: $title, description: $words}) { task { title description } } }";
        let changed = alice.data_with(document, json!({"id": id, "title": "New"})).await;
        assert_eq!(changed["updateTask"]["task"], json!({"title": "New", "description": "kept"}));
    }

    async fn stale_version_conflicts(app: App) {
        let alice = app.by_jwt(&alice());
        let id = create_id(&alice, json!({ "title": "Contended" })).await;
        let (one, two) = tokio::join!(
            update(&alice, &id, json!({ "title": "First" }), Some(1)),
            update(&alice, &id, json!({ "title": "Second" }), Some(1)),
        );
        let (lost, won): (Vec<_>, Vec<_>) =
            [one, two].into_iter().partition(|answer| answer.body.get("errors").is_some());
        assert_eq!((lost.len(), won.len()), (1, 1));
        assert_eq!(lost[0].codes(), ["CONFLICT"]);
        assert_eq!(lost[0].error()["extensions"]["currentVersion"], 2);
        assert_eq!(won[0].body["data"]["updateTask"]["task"]["version"], 2);
    }

    async fn complete_is_idempotent(app: App) {
        let alice = app.by_jwt(&alice());
        let id = create_id(&alice, json!({ "title": "Done" })).await;
        let complete = "mutation($id: ID!) { completeTask(id: $id) { task { completed completedAt version } } }";
        let variables = json!({ "id": id });
        let first = alice.data_with(complete, variables.clone()).await;
        assert_eq!(first["completeTask"]["task"]["completed"], true);
        assert_eq!(alice.data_with(complete, variables.clone()).await, first);
        let reopened = alice.data_with(
            "mutation($id: ID!) { reopenTask(id: $id) { task { completed completedAt version } } }",
            variables,
        ).await;
        assert_eq!(
            reopened["reopenTask"]["task"],
            json!({"completed": false, "completedAt": null, "version": 3})
        );
    }

    async fn bulk_mutations_are_atomic(app: App) {
        let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let mut ids = Vec::new();
        for title in ["a", "b", "c"] {
            ids.push(create_id(&alice, json!({ "title": title })).await);
        }
        let foreign = create_id(&bob, json!({ "title": "theirs" })).await;
        let with_foreign: Vec<_> = ids.iter().chain([&foreign]).collect();
        let complete = "mutation($ids: [ID!]!) { completeTasks(ids: $ids) { tasks { title completed } } }";
        let delete = "mutation($ids: [ID!]!) { deleteTasks(ids: $ids) { deletedTaskIds } }";
        for document in [complete, delete] {
            let rejected = alice.ask_with(document, json!({ "ids": with_foreign })).await;
            assert_eq!(rejected.codes(), ["NOT_FOUND"]);
        }
        let untouched = alice.data("{ taskStats { total completed } }").await;
        assert_eq!(untouched["taskStats"], json!({"total": 3, "completed": 0}));
        let twice: Vec<_> = ids.iter().rev().chain(&ids).collect();
        let done = alice.data_with(complete, json!({ "ids": twice })).await;
        let titles: Vec<_> = done["completeTasks"]["tasks"].as_array().unwrap().iter().map(|t| &t["title"]).collect();
        assert_eq!(titles, ["c", "b", "a"], "in the order asked, each once");
        let deleted = alice.data_with(delete, json!({ "ids": ids })).await;
        assert_eq!(deleted["deleteTasks"]["deletedTaskIds"], json!(ids));
        assert_eq!(alice.data("{ taskStats { total } }").await["taskStats"]["total"], 0);
        assert_eq!(bob.data("{ taskStats { total completed } }").await["taskStats"],
            json!({"total": 1, "completed": 0}));
        let none = alice.data_with(complete, json!({ "ids": [] })).await;
        assert_eq!(none["completeTasks"]["tasks"], json!([]));
    }

    async fn task_stats_count_completed_and_overdue(app: App) {
        let alice = app.by_jwt(&alice());
        create(&alice, json!({"title": "late", "dueAt": "2020-01-01T00:00:00Z", "priority": "URGENT"})).await;
        create(&alice, json!({"title": "later", "dueAt": "2120-01-01T00:00:00Z", "priority": "LOW"})).await;
        let id = create_id(&alice, json!({"title": "done late", "dueAt": "2020-01-01T00:00:00Z"})).await;
        alice.data_with("mutation($id: ID!) { completeTask(id: $id) { task { id } } }", json!({ "id": id })).await;
        let stats = alice.data("{ taskStats { total completed overdue byPriority { priority count } } }").await;
        assert_eq!(stats["taskStats"], json!({
            "total": 3, "completed": 1, "overdue": 1,
            "byPriority": [{"priority": "LOW", "count": 1}, {"priority": "MEDIUM", "count": 1},
                           {"priority": "HIGH", "count": 0}, {"priority": "URGENT", "count": 1}],
        }));
    }

    async fn invalid_fields_are_named_and_not_written(app: App) {
        let alice = app.by_jwt(&alice());
        let long = |n: usize| "ü".repeat(n);
        let many: Vec<_> = (0..21).map(|n| n.to_string()).collect();
        for (input, path) in [
            (json!({ "title": "   " }), "input.title"),
            (json!({ "title": long(201) }), "input.title"),
            (json!({ "title": "a\u{0}b" }), "input.title"),
            (json!({"title": "x", "description": long(10_001)}), "input.description"),
            (json!({"title": "x", "description": "\u{0}"}), "input.description"),
            (json!({"title": "x", "tags": many}), "input.tags"),
            (json!({"title": "x", "tags": ["ok", long(41)]}), "input.tags.1"),
            (json!({"title": "x", "tags": ["ok", " "]}), "input.tags.1"),
            (json!({"title": "x", "dueAt": "1999-12-31T23:59:59Z"}), "input.dueAt"),
            (json!({"title": "x", "dueAt": "2200-01-01T00:00:00Z"}), "input.dueAt"),
        ] {
            let rejected = alice.ask_with(CREATE, json!({ "input": input })).await;
            assert!(!rejected.first_error(path).is_empty());
        }
        let both = json!({"title": "", "dueAt": "1000-01-01T00:00:00Z"});
        let rejected = alice.ask_with(CREATE, json!({ "input": both })).await;
        assert_eq!(rejected.error()["extensions"]["fields"].as_object().unwrap().len(), 2);
        assert_eq!(alice.data("{ taskStats { total } }").await["taskStats"]["total"], 0);
        let most = json!({"title": long(200), "description": long(10_000), "tags": (0..20).map(|n| format!("{n:>040}")).collect::<Vec<_>>()});
        assert_eq!(create(&alice, most).await["title"], long(200));
    }

    async fn wrong_type_is_named_and_nothing_is_written(app: App) {
        let alice = app.by_jwt(&alice());
        let two = "mutation($due: DateTime, $priority: TaskPriority) {
            a: createTask(input: {title: \"first\"}) { task { id } }
            b: createTask(input: {title: \"second\", dueAt: $due, priority: $priority}) { task { id } } }";
        for (variables, path) in [
            (json!({ "due": "garbage" }), "input.dueAt"),
            (json!({ "due": "2027-01-01" }), "input.dueAt"),
            (json!({ "due": "2027-01-01T00:00:60Z" }), "input.dueAt"),
            (json!({ "due": "-262143-01-01T00:00:00Z" }), "input.dueAt"),
            (json!({ "due": 5 }), "input.dueAt"),
            (json!({ "priority": "SOON" }), "input.priority"),
        ] {
            let rejected = alice.ask_with(two, variables).await;
            assert!(!rejected.first_error(path).is_empty());
        }
        for (input, path) in [
            (json!({}), "input.title"),
            (json!({ "title": null }), "input.title"),
            (json!({ "title": 5 }), "input.title"),
            (json!({"title": "x", "ownerId": "user-bob"}), "input.ownerId"),
            (json!({"title": "x", "tags": ["a", null]}), "input.tags.1"),
            (json!({"title": "x", "dueAt": "soon"}), "input.dueAt"),
            (json!({"title": "x", "isPublic": "yes"}), "input.isPublic"),
        ] {
            let rejected = alice.ask_with(CREATE, json!({ "input": input })).await;
            assert!(!rejected.first_error(path).is_empty());
        }
        let too_large = alice.ask_with(
            "mutation($version: Int) { a: createTask(input: {title: \"x\"}) { task { id } }
                b: updateTask(id: \"x\", input: {}, expectedVersion: $version) { task { id } } }",
            json!({ "version": 3_000_000_000_i64 }),
        ).await;
        assert!(!too_large.first_error("expectedVersion").is_empty());
        let literal = alice.ask("mutation { createTask(input: {title: \"x\", dueAt: \"soon\"}) { task { id } } }").await;
        assert!(!literal.first_error("input.dueAt").is_empty());
        let required = "mutation($title: String!) { a: createTask(input: {title: \"x\"}) { task { id } }
            b: createTask(input: {title: $title}) { task { id } } }";
        for variables in [json!({}), json!({ "title": null })] {
            assert_eq!(alice.ask_with(required, variables).await.codes(), ["BAD_USER_INPUT"]);
        }
        assert_eq!(alice.data("{ taskStats { total } }").await["taskStats"]["total"], 0);
    }

    async fn empty_update_changes_nothing(app: App) {
        let alice = app.by_jwt(&alice());
        let token = crate::support::issuer::Issuer::shared().token(&user("alice").claims());
        let id = create_id(&alice, json!({"title": "Kept"})).await;
        let mut socket = crate::support::socket::Socket::by_bearer(&app, &token).await;
        socket.subscribe_to_tasks("1", &alice).await;
        let read = "query($id: ID!) { task(id: $id) { id title version updatedAt } }";
        let before = alice.data_with(read, json!({"id": id})).await["task"].clone();
        let update = "mutation($id: ID!, $v: Int, $input: UpdateTaskInput!) {
            updateTask(id: $id, expectedVersion: $v, input: $input) { task { id title version updatedAt } } }";
        let change = async |v: Value, input: Value| {
            alice.ask_with(update, json!({"id": id, "v": v, "input": input})).await
        };
        assert_eq!(change(Value::Null, json!({})).await.data()["updateTask"]["task"], before);
        assert_eq!(change(json!(1), json!({})).await.data()["updateTask"]["task"], before);
        assert_eq!(change(json!(2), json!({})).await.codes(), ["CONFLICT"]);
        let strange = app.by_jwt(&bob()).ask_with(update, json!({"id": id, "input": {}})).await;
        assert_eq!(strange.codes(), ["NOT_FOUND"]);
        let changed = change(Value::Null, json!({"title": "Changed"})).await;
        assert_eq!(changed.data()["updateTask"]["task"]["version"], 2);
        let (kind, title) = socket.next_task_event().await;
        assert_eq!((kind.as_str(), title), ("UPDATED", json!("Changed")), "the first event");
    }

    async fn filters_narrow_and_combine(app: App) {
        let alice = app.by_jwt(&alice());
        create(&alice, json!({"title": "100% Done_x", "priority": "HIGH", "tags": ["a"], "dueAt": "2027-01-10T00:00:00Z"})).await;
        create(&alice, json!({"title": "plain", "description": "Ends with a back\\slash", "tags": ["a", "b"]})).await;
        create(&app.by_jwt(&user("carol")), json!({"title": "100% other", "tags": ["a"]})).await;
        create(&alice, json!({"title": "Übung", "tags": ["c"]})).await;
        let count = async |filter: &str, order: &str| {
            let arguments = format!("filter: {filter}, orderBy: {{field: {order}}}");
            let found = alice.data(&format!("{{ tasks({arguments}) {{ totalCount }} }}")).await;
            found["tasks"]["totalCount"].as_i64().unwrap()
        };
        for (filter, expected) in [
            ("{}", 3),
            ("{text: \"100%\"}", 1),
            ("{text: \"%\"}", 1),
            ("{text: \"_\"}", 1),
            ("{text: \"\\\\\"}", 1),
            ("{text: \"DONE\"}", 1),
            ("{text: \"Übung\"}", 1),
            ("{text: \"ÜBUNG\"}", 1),
            ("{tag: \"a\"}", 2),
            ("{tag: \"b\"}", 1),
            ("{tag: \" b \"}", 1),
            ("{tag: \"B\"}", 0),
            ("{tag: \"a\", priority: HIGH}", 1),
            ("{tag: \"b\", priority: HIGH}", 0),
            ("{completed: true}", 0),
            ("{dueBefore: \"2027-01-11T00:00:00Z\"}", 1),
            ("{dueAfter: \"2027-01-11T00:00:00Z\"}", 0),
            ("{dueAfter: \"2027-01-09T00:00:00Z\", dueBefore: \"2027-01-11T00:00:00Z\"}", 1),
        ] {
            for order in ["CREATED_AT", "DUE_AT"] {
                assert_eq!(count(filter, order).await, expected, "{filter} {order}");
            }
        }
    }
}

#[tokio::test]
async fn forbid_mode_reports_foreign_tasks() {
    let app =
        App::with(crate::support::app::Backend::Sqlite, &["--ownership-denial", "forbid"]).await;
    let id = create_id(&app.by_jwt(&alice()), json!({ "title": "Secret" })).await;
    let bob = app.by_jwt(&bob());
    let variables = json!({ "id": id });
    let rejected =
        bob.ask_with("query($id: ID!) { task(id: $id) { title } }", variables.clone()).await;
    assert_eq!(rejected.codes(), ["FORBIDDEN"]);
    let rejected = bob
        .ask_with("mutation($id: ID!) { deleteTask(id: $id) { deletedTaskId } }", variables)
        .await;
    assert_eq!(rejected.codes(), ["FORBIDDEN"]);
    assert_eq!(rejected.error()["extensions"]["rule"], "OWNER");
    assert_eq!(bob.data("{ task(id: \"nonsense\") { id } }").await["task"], Value::Null);
}

#[tokio::test]
async fn concurrent_forbidden_checks_do_not_block() {
    let app =
        App::with(crate::support::app::Backend::Postgres, &["--ownership-denial", "forbid"]).await;
    let id = create_id(&app.by_jwt(&alice()), json!({ "title": "Secret" })).await;
    let requests = (0..24).map(|n| {
        let who = app.by_jwt(&user(&format!("stranger-{n}")));
        let variables = json!({"id": id, "input": {}});
        let document = "mutation($id: ID!, $input: UpdateTaskInput!) {
            a: updateTask(id: $id, input: $input) { task { id } } b: completeTask(id: $id) { task { id } } c: deleteTask(id: $id) { deletedTaskId } }";
        async move { who.ask_with(document, variables).await }
    });
    for answer in futures_util::future::join_all(requests).await {
        assert_eq!(answer.codes(), ["FORBIDDEN"; 3], "{}", answer.body);
    }
}
