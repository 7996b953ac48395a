//! Pages of tasks: every task once, even if rows change between two pages.

use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{App, Client};
use crate::support::callers::alice;
use crate::support::issuer::Issuer;
use crate::support::postgres;

async fn create(who: &Client<'_>, input: Value) {
    who.data_with(
        "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }",
        json!({ "input": input }),
    )
    .await;
}

const PAGE: &str =
    "query($first: Int, $after: String, $last: Int, $before: String, $orderBy: TaskOrder) {
    tasks(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
        edges { cursor node { title } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

async fn page(who: &Client<'_>, variables: Value) -> (Vec<String>, Value) {
    let data = who.data_with(PAGE, variables).await;
    let titles = data["tasks"]["edges"].as_array().unwrap().iter();
    let titles = titles.map(|edge| edge["node"]["title"].as_str().unwrap().to_owned()).collect();
    (titles, data["tasks"]["pageInfo"].clone())
}

/// Walks the whole list in steps of `step`, forwards or backwards.
async fn walk(who: &Client<'_>, order: &Value, step: usize, forwards: bool) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let variables = match forwards {
            true => json!({"first": step, "after": cursor, "orderBy": order}),
            false => json!({"last": step, "before": cursor, "orderBy": order}),
        };
        let (titles, info) = page(who, variables).await;
        let more = match forwards {
            true => {
                seen.extend(titles);
                cursor = info["endCursor"].clone();
                info["hasNextPage"].as_bool().unwrap()
            }
            false => {
                seen.splice(0..0, titles);
                cursor = info["startCursor"].clone();
                info["hasPreviousPage"].as_bool().unwrap()
            }
        };
        if !more {
            return seen;
        }
    }
}

on_both_databases! {
    async fn every_order_lists_each_task_once(app: App) {
        let alice = app.by_jwt(&alice());
        let priorities = ["LOW", "MEDIUM", "HIGH", "URGENT"];
        for n in 0..11 {
            let due = (n % 3 != 0).then(|| format!("2027-01-{:02}T00:00:00Z", 20 - n % 5));
            create(&alice, json!({
                "title": format!("{:02}", (n * 7) % 11), "priority": priorities[n % 4], "dueAt": due,
            })).await;
        }
        for field in ["CREATED_AT", "UPDATED_AT", "DUE_AT", "PRIORITY", "TITLE"] {
            let mut both = Vec::new();
            for direction in ["ASC", "DESC"] {
                let order = json!({"field": field, "direction": direction});
                let whole = page(&alice, json!({"first": 100, "orderBy": order})).await.0;
                assert_eq!(whole.len(), 11, "{field} {direction}");
                for step in [1, 2, 3, 5, 10, 11] {
                    assert_eq!(walk(&alice, &order, step, true).await, whole, "{field} {direction}");
                    assert_eq!(walk(&alice, &order, step, false).await, whole, "{field} {direction}");
                }
                both.push(whole);
            }
            both[1].reverse();
            assert_eq!(both[0], both[1], "{field}: one way is the other reversed");
        }
        let by_title = page(&alice, json!({"first": 3, "orderBy": {"field": "TITLE"}})).await.0;
        assert_eq!(by_title, ["00", "01", "02"]);
    }

    async fn title_order_ignores_case_and_accents(app: App) {
        let alice = app.by_jwt(&alice());
        let ordered = ["1", "Ångström", "apple", "Äpple", "banana", "STRASSE a", "Straße b", "zebra", "Zebra 2", "Жук", "日本"];
        for title in ["Zebra 2", "日本", "apple", "STRASSE a", "zebra", "Жук", "Äpple", "1", "banana", "Straße b", "Ångström"] {
            create(&alice, json!({"title": title, "isPublic": true})).await;
        }
        // These fold to the same text, so that only their creation order distinguishes them.
        let all = page(&alice, json!({"first": 100, "orderBy": {"field": "TITLE"}})).await.0;
        let apples = ["apple", "Äpple"];
        assert_eq!(all.iter().filter(|title| !apples.contains(&title.as_str())).collect::<Vec<_>>(),
            ordered.iter().filter(|title| !apples.contains(title)).collect::<Vec<_>>());
        assert_eq!(walk(&alice, &json!({"field": "TITLE"}), 2, true).await, all);
        let mut down = walk(&alice, &json!({"field": "TITLE", "direction": "DESC"}), 3, true).await;
        down.reverse();
        assert_eq!(down, all);
        let public = app.anonymous().data("{ publicTasks(orderBy: {field: TITLE}) { nodes { title } } }").await;
        let public = public["publicTasks"]["nodes"].as_array().unwrap().iter();
        assert_eq!(public.map(|node| node["title"].as_str().unwrap()).collect::<Vec<_>>(), all);
    }

    async fn old_title_cursor_is_rejected(app: App) {
        use base64::Engine as _;
        let alice = app.by_jwt(&alice());
        let old = json!({"o": "TitleAsc", "k": {"s": "Zebra"}, "i": uuid::Uuid::nil()});
        let old = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(old.to_string());
        let rejected = alice.ask_with(PAGE, json!({"after": old, "orderBy": {"field": "TITLE"}})).await;
        assert_eq!(rejected.first_error("after"), "use a cursor that this list returned in this order");
    }

    async fn cursors_are_stable_under_inserts(app: App) {
        let alice = app.by_jwt(&alice());
        for n in 0..6 {
            create(&alice, json!({ "title": format!("{n}") })).await;
        }
        let (first, info) = page(&alice, json!({ "first": 3 })).await;
        assert_eq!(first, ["5", "4", "3"], "the newest first");
        create(&alice, json!({ "title": "new" })).await;
        let (second, _) = page(&alice, json!({"first": 3, "after": info["endCursor"]})).await;
        assert_eq!(second, ["2", "1", "0"]);
        let (back, info) = page(&alice, json!({"last": 10, "before": info["startCursor"]})).await;
        assert_eq!(back, ["new"]);
        assert_eq!(info["hasNextPage"], true);
    }

    async fn first_with_after_and_before(app: App) {
        let alice = app.by_jwt(&alice());
        for n in 0..5 {
            create(&alice, json!({ "title": format!("{n}") })).await;
        }
        let order = json!({ "field": "TITLE" });
        let data = alice.data_with(PAGE, json!({"first": 5, "orderBy": order})).await;
        let cursor = |n: usize| data["tasks"]["edges"][n]["cursor"].clone();
        let between = json!({"after": cursor(0), "before": cursor(4), "orderBy": order});
        assert_eq!(page(&alice, between).await.0, ["1", "2", "3"]);
    }

    async fn invalid_page_arguments_are_named(app: App) {
        let alice = app.by_jwt(&alice());
        create(&alice, json!({ "title": "one" })).await;
        let (_, info) = page(&alice, json!({"first": 1, "orderBy": {"field": "TITLE"}})).await;
        for (variables, path) in [
            (json!({ "first": -1 }), "first"),
            (json!({ "first": 101 }), "first"),
            (json!({ "last": 101 }), "last"),
            (json!({"first": 1, "last": 1}), "last"),
            (json!({ "after": "nonsense" }), "after"),
            (json!({ "before": "" }), "before"),
            (json!({ "after": info["endCursor"] }), "after"),
        ] {
            let rejected = alice.ask_with(PAGE, variables.clone()).await;
            assert!(!rejected.first_error(path).is_empty(), "{variables}");
        }
        assert_eq!(page(&alice, json!({ "first": 100 })).await.0.len(), 1);
    }

    async fn forged_cursor_is_rejected(app: App) {
        use base64::Engine as _;
        let alice = app.by_jwt(&alice());
        for (order, key) in [
            ("CREATED_AT", json!({ "s": "" })), ("CREATED_AT", json!({ "n": 1 })),
            ("CREATED_AT", json!({ "t": "-262143-01-01T00:00:00Z" })), ("TITLE", json!({ "n": -1 })),
            ("TITLE", json!({ "t": "2027-01-01T00:00:00Z" })), ("TITLE", json!({ "s": "\u{0}" })),
            ("PRIORITY", json!({ "n": 1_000_000 })), ("PRIORITY", json!({ "s": "1" })),
        ] {
            // Lists by title compare its folded form.
            let order_name = if order == "TITLE" { "TITLE_KEY" } else { order };
            let name: String = order_name.split('_').map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase())).collect();
            let cursor = json!({"o": format!("{name}Asc"), "k": key, "i": uuid::Uuid::nil()});
            let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(cursor.to_string());
            let variables = json!({"after": cursor, "orderBy": {"field": order}});
            let rejected = alice.ask_with(PAGE, variables).await;
            assert!(!rejected.first_error("after").is_empty(), "{order} {key}");
        }
    }

    async fn total_is_counted_only_if_selected(app: App) {
        let alice = app.by_jwt(&alice());
        for n in 0..3 {
            create(&alice, json!({ "title": format!("{n}") })).await;
        }
        let (_, quiet) = app.statements_of(alice.data("{ tasks(first: 1) { nodes { title } } }")).await;
        assert_eq!(quiet.len(), 1, "{quiet:?}");
        let (data, counted) =
            app.statements_of(alice.data("{ tasks(first: 1) { totalCount nodes { title } } }")).await;
        assert_eq!(data["tasks"]["totalCount"], 3);
        assert_eq!(counted.len(), 2, "{counted:?}");
    }

    async fn tags_of_a_page_take_one_statement(app: App) {
        let alice = app.by_jwt(&alice());
        for n in 0..10 {
            create(&alice, json!({"title": format!("{n}"), "tags": ["a", format!("t{n}")]})).await;
        }
        let ask = alice.data("{ tasks { nodes { title tags } } }");
        let (data, statements) = app.statements_of(ask).await;
        assert_eq!(data["tasks"]["nodes"][0]["tags"], json!(["a", "t9"]));
        assert_eq!(statements.len(), 2, "{statements:?}");
    }
}

#[tokio::test]
async fn title_order_is_locale_independent() {
    let (files, url) = (tempfile::tempdir().unwrap(), postgres::english_database());
    let app = App::on(&url, files, &["--better-auth-url", Issuer::shared().url()]).await;
    let alice = app.by_jwt(&alice());
    for title in ["~ last", "b", "A", "_ first", "a-b", "ab"] {
        create(&alice, json!({ "title": title })).await;
    }
    let order = json!({"field": "TITLE"});
    let whole = ["_ first", "A", "a-b", "ab", "b", "~ last"];
    assert_eq!(page(&alice, json!({"first": 9, "orderBy": order})).await.0, whole);
    assert_eq!(walk(&alice, &order, 1, true).await, whole, "and so do cursors");
    assert_eq!(walk(&alice, &order, 2, false).await, whole);
}

#[tokio::test]
async fn empty_page_states_whether_there_are_rows() {
    let app = App::start(crate::support::app::Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let next = async |variables| page(&alice, variables).await;
    let (titles, info) = next(json!({"first": 0})).await;
    assert_eq!((titles.len(), &info["hasNextPage"]), (0, &json!(false)));
    create(&alice, json!({"title": "One"})).await;
    let (titles, info) = next(json!({"first": 0})).await;
    assert_eq!(
        (titles.len(), &info["hasNextPage"], &info["endCursor"]),
        (0, &json!(true), &Value::Null)
    );
    let (titles, info) = next(json!({"last": 0})).await;
    assert_eq!((titles.len(), &info["hasPreviousPage"]), (0, &json!(true)));
}
