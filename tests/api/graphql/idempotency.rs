//! A mutation with an idempotency key is carried out once.

use chrono::TimeDelta;
use futures_util::future::join_all;
use hallpass_data::{idempotency_key, now};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::data::durability::{Case, case as case_of, mutations, rows};
use crate::domains::course_editing::editor;
use crate::on_both_databases;
use crate::support::app::{App, Backend, Client, GraphQlResponse};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::postgres;
use crate::support::socket::Socket;

const HEADER: &str = "Idempotency-Key";

fn create(title: &str) -> String {
    format!(
        "mutation {{ createTask(input: {{title: \"{title}\", tags: [\"a\"]}}) {{ task {{ id title tags }} }} }}"
    )
}

async fn keyed(who: &Client<'_>, key: &str, query: &str) -> GraphQlResponse {
    who.clone().with_header(HEADER, key).ask(query).await
}

async fn total(who: &Client<'_>) -> Value {
    who.data("{ taskStats { total } }").await["taskStats"]["total"].clone()
}

on_both_databases! {
    async fn retried_create_makes_one_task(app: App) {
        let (alice, bob) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let first = keyed(&alice, "key-1", &create("a")).await.data();
        assert_eq!(keyed(&alice, "key-1", &create("a")).await.data(), first);
        assert_eq!(keyed(&alice, "\"key-1\"", &create("a")).await.data(), first);
        let variables = json!({"query": "mutation($i: CreateTaskInput!) { createTask(input: $i) { task { id title tags } } }",
            "variables": {"i": {"tags": ["a"], "title": "a"}}});
        assert_eq!(alice.clone().with_header(HEADER, "key-1").send(&variables).await.data(), first);
        assert_eq!(keyed(&alice, "key-1", &create("b")).await.codes(), ["CONFLICT"]);
        let delete = "mutation { deleteTask(id: \"x\") { deletedTaskId } }";
        assert_eq!(keyed(&alice, "key-1", delete).await.codes(), ["NOT_FOUND"]);
        assert_eq!(total(&alice).await, 1);
        assert_ne!(keyed(&alice, "key-2", &create("a")).await.data(), first);
        assert_ne!(keyed(&bob, "key-1", &create("a")).await.data(), first);
        assert_eq!((total(&alice).await, total(&bob).await), (json!(2), json!(1)));
    }

    async fn similar_inputs_are_distinguished(app: App) {
        let alice = app.by_jwt(&alice());
        let create = |input: &str| format!("mutation {{ createTask(input: {{{input}}}) {{ task {{ id }} }} }}");
        for (key, one, other) in [
            ("null", "title: \"a\", description: null", "title: \"a\", description: \"null\""),
            ("number", "title: \"a\", isPublic: true", "title: \"a\", isPublic: false"),
            ("names", "title: \"a\", description: \"HIGH\"", "title: \"a\", priority: HIGH"),
            ("lists", "title: \"a\", tags: [\"b\", \"c\"]", "title: \"a\", tags: [\"b1:c\"]"),
        ] {
            let _ = keyed(&alice, key, &create(one)).await.data();
            assert_eq!(keyed(&alice, key, &create(other)).await.codes(), ["CONFLICT"], "{other}");
        }
    }

    async fn mutations_of_one_request_are_distinguished(app: App) {
        let alice = app.by_jwt(&alice());
        let two = "mutation { a: createTask(input: {title: \"x\"}) { task { id } } b: createTask(input: {title: \"x\"}) { task { id } } }";
        let first = keyed(&alice, "k", two).await.data();
        assert_ne!(first["a"], first["b"]);
        assert_eq!(keyed(&alice, "k", two).await.data(), first);
        assert_eq!(total(&alice).await, 2);
        let argument = "mutation { a: createTask(input: {title: \"x\"}, idempotencyKey: \"k\") { task { id } } }";
        let apart = alice.data(argument).await;
        assert!(![&first["a"], &first["b"]].contains(&&apart["a"]), "an argument is not the header");
        assert_eq!((alice.data(argument).await, total(&alice).await), (apart, json!(3)));
    }

    async fn failed_mutation_does_not_use_its_key(app: App) {
        let alice = app.by_jwt(&alice());
        assert_eq!(keyed(&alice, "k", &create("")).await.codes(), ["BAD_USER_INPUT"]);
        let gone = format!("mutation {{ deleteTasks(ids: [\"{}\"]) {{ deletedTaskIds }} }}", "VGFzazowMTkwMDAwMDAwMDA3MDAwODAwMDAwMDAwMDAwMDAwMQ");
        assert_eq!(keyed(&alice, "k", &gone).await.codes(), ["NOT_FOUND"]);
        let _ = keyed(&alice, "k", &create("a")).await.data();
        assert_eq!(total(&alice).await, 1);
    }

    async fn retried_changes_are_not_repeated(app: App) {
        let alice = app.by_jwt(&alice());
        let id = alice.data(&create("a")).await["createTask"]["task"]["id"].clone();
        let rename = format!("mutation {{ updateTask(id: {id}, input: {{title: \"b\"}}, expectedVersion: 1) {{ task {{ version }} }} }}");
        let complete = format!("mutation {{ completeTask(id: {id}) {{ task {{ completed version }} }} }}");
        let delete = format!("mutation {{ deleteTask(id: {id}) {{ deletedTaskId }} }}");
        for (key, mutation) in [("1", &rename), ("2", &complete), ("3", &delete)] {
            let first = keyed(&alice, key, mutation).await.data();
            assert_eq!(keyed(&alice, key, mutation).await.data(), first, "{mutation}");
        }
        assert_eq!(total(&alice).await, 0);
    }

    /// Every mutation of the schema. A new mutation begins with `Execution`.
    async fn every_mutation_is_executed_once(app: App) {
        let app = app.with_courses().await;
        for field in mutations() {
            let Case { who, document } = case_of(&app, &field).await;
            let who = app.by_jwt(&who);
            let first = keyed(&who, &field, &document).await.data();
            let after = rows(&app.database).await;
            assert_eq!(keyed(&who, &field, &document).await.data(), first, "{field}");
            let other = keyed(&who, &field, &create("another mutation")).await;
            assert_eq!(other.codes(), ["CONFLICT"], "{field} does not claim its key");
            assert_eq!(rows(&app.database).await, after, "{field} was executed twice");
        }
    }

    async fn concurrent_retries_of_every_mutation_agree(app: App) {
        let app = app.with_courses().await;
        for field in mutations() {
            let Case { who, document } = case_of(&app, &field).await;
            let who = app.by_jwt(&who);
            let all = (0..3).map(|_| keyed(&who, &field, &document));
            let answers: Vec<_> = join_all(all).await.into_iter().map(GraphQlResponse::data).collect();
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{field}: {answers:?}");
        }
    }

    /// The effect of a mutation that sets a value is not repeated after the value has changed.
    async fn late_retry_does_not_restore_a_value(app: App) {
        let app = app.with_courses().await;
        let (course, editor) = (case_of(&app, "publishCourse").await, app.by_jwt(&editor()));
        let _ = keyed(&editor, "publish", &course.document).await.data();
        let hide = course.document.replace("id:", "published: false, id:");
        editor.data(&hide).await;
        let retried = keyed(&editor, "publish", &course.document.replace("{ course { id } }", "{ course { published } }")).await.data();
        assert_eq!(retried, json!({"publishCourse": {"course": {"published": false}}}));
        let reader = app.by_jwt(&alice());
        let bookmark = case_of(&app, "bookmarkChapter").await.document.replace("{ id }", "{ bookmarked }");
        let _ = keyed(&reader, "bookmark", &bookmark).await.data();
        reader.data(&bookmark.replace("true", "false")).await;
        let retried = keyed(&reader, "bookmark", &bookmark).await.data();
        assert_eq!(retried, json!({"bookmarkChapter": {"chapter": {"bookmarked": false}}}));
        let progress = case_of(&app, "recordProgress").await.document;
        let _ = keyed(&reader, "progress", &progress).await.data();
        reader.data(&progress.replace("percent: 40", "percent: 10, reset: true")).await;
        let retried = keyed(&reader, "progress", &progress).await.data();
        assert_eq!(retried, json!({"recordProgress": {"progress": {"percent": 10}}}));
    }

    /// The number of a mutation in its request does not depend on the outcome of those before it.
    async fn failed_mutation_does_not_shift_the_next_key(app: App) {
        let alice = app.by_jwt(&alice());
        let id = alice.data(&create("a")).await["createTask"]["task"]["id"].clone();
        let two = |input: &str| {
            format!("mutation {{ a: updateTask(id: {id}, input: {{{input}}}) {{ task {{ title }} }} b: createTask(input: {{title: \"b\"}}) {{ task {{ id }} }} }}")
        };
        let first = keyed(&alice, "k", &two("title: \"\"")).await;
        assert_eq!(first.codes(), ["BAD_USER_INPUT"]);
        let second = keyed(&alice, "k", &two("title: \"c\"")).await.data();
        assert_eq!((&second["a"]["task"]["title"], &second["b"]), (&json!("c"), &first.body["data"]["b"]));
    }

    async fn concurrent_retries_create_one_task(app: App) {
        let alice = app.by_jwt(&alice());
        let query = create("a");
        let all = (0..12).map(|_| keyed(&alice, "k", &query));
        let answers: Vec<_> = join_all(all).await.into_iter().map(GraphQlResponse::data).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(total(&alice).await, 1);
    }

    async fn key_expires_after_a_day(app: App) {
        let alice = app.by_jwt(&alice());
        let first = keyed(&alice, "k", &create("a")).await.data();
        let system = app.database.system("a test looks into the table");
        let conn = system.connection();
        for (age, is_kept) in [(TimeDelta::hours(23), true), (TimeDelta::hours(25), false)] {
            let then = Expr::value(now() - age);
            idempotency_key::Entity::update_many().col_expr(idempotency_key::Column::CreatedAt, then).exec(conn).await.unwrap();
            assert_eq!(keyed(&alice, "k", &create("a")).await.data() == first, is_kept);
        }
        assert_eq!(total(&alice).await, 2);
        let old = idempotency_key::Column::CreatedAt.lt(now() - TimeDelta::hours(24));
        let _ = keyed(&alice, "other", &create("c")).await.data();
        let then = Expr::value(now() - TimeDelta::hours(25));
        idempotency_key::Entity::update_many().col_expr(idempotency_key::Column::CreatedAt, then).exec(conn).await.unwrap();
        system.delete_idempotency_keys_before(now() - TimeDelta::hours(24)).await.unwrap();
        assert_eq!(idempotency_key::Entity::find().filter(old).count(conn).await.unwrap(), 0);
    }

    async fn argument_equals_header(app: App) {
        let alice_client = app.by_jwt(&alice());
        let create = |title: &str, key: &str| {
            format!("mutation {{ createTask(input: {{title: \"{title}\"}}, idempotencyKey: \"{key}\") {{ task {{ id title }} }} }}")
        };
        let first = alice_client.data(&create("a", "k")).await;
        let mut socket = Socket::by_bearer(&app, &Issuer::shared().token(&alice().claims())).await;
        socket.execute("1", &create("a", "k")).await;
        assert_eq!(socket.next_message().await["payload"]["data"], first);
        assert_eq!(socket.next_message().await["type"], "complete");
        assert_eq!(alice_client.ask(&create("b", "k")).await.codes(), ["CONFLICT"]);
        for key in ["", "a b", "é", &"x".repeat(256)] {
            assert!(!alice_client.ask(&create("a", key)).await.first_error("idempotencyKey").is_empty());
        }
        assert_eq!(total(&alice_client).await, 1);
    }
}

#[tokio::test]
async fn nodes_share_idempotency_keys() {
    let url = postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url()];
    let one = App::on(&url, tempfile::tempdir().unwrap(), &flags).await;
    let other = App::on(&url, tempfile::tempdir().unwrap(), &flags).await;
    let (here, there) = (one.by_jwt(&alice()), other.by_jwt(&alice()));
    let query = create("a");
    let (first, second) = tokio::join!(keyed(&here, "k", &query), keyed(&there, "k", &query));
    assert_eq!(first.data(), second.data());
    assert_eq!(total(&there).await, 1);
}

#[tokio::test]
async fn invalid_key_header_is_rejected() {
    let app = App::start(Backend::Sqlite).await;
    let alice = app.by_jwt(&alice());
    let long = "x".repeat(256);
    for key in ["", "a b", "\"\"", &long] {
        let rejected = keyed(&alice, key, &create("a")).await;
        assert_eq!(
            (rejected.status.as_u16(), rejected.codes()),
            (400, vec!["BAD_USER_INPUT"]),
            "{key}"
        );
    }
    let twice = alice.clone().with_header(HEADER, "a").with_header(HEADER, "b");
    assert_eq!(twice.ask(&create("a")).await.status, 400);
    assert_eq!(total(&alice).await, 0);
}
