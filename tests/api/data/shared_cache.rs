//! The cache of published rows of shared tables.

use std::time::{Duration, Instant};

use hallpass_data::{Comparison as _, Rows};
use hallpass_entity::{ChapterId, chapter, variant};
use serde_json::{Value, json};

use crate::domains::course_editing::{course_with_chapter, editor, publish, save_variant};
use crate::support::app::{App, Backend, Client};
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::{postgres, redis};

const COURSES: &str = "{ courses { nodes { title } totalCount } }";
const TEXT: &str = "{ chapters { nodes { slug title personalized { body } } } }";

/// Two nodes on one database.
async fn two_nodes(flags: &[&str]) -> (App, App) {
    let url = postgres::database();
    let mut all = vec!["--better-auth-url", Issuer::shared().url()];
    all.extend(flags);
    let node = async || App::on(&url, tempfile::tempdir().unwrap(), &all).await;
    (node().await, node().await)
}

/// A published course with one chapter, and the number of courses that the reader sees then.
async fn published_course(editor: &Client<'_>, slug: &str) -> Value {
    let chapter = course_with_chapter(editor, slug).await;
    publish(editor, "Chapter", &chapter["id"], true).await;
    publish(editor, "Course", &chapter["course"]["id"], true).await;
    chapter["course"]["id"].clone()
}

async fn titles(reader: &Client<'_>) -> usize {
    reader.data(COURSES).await["courses"]["nodes"].as_array().unwrap().len()
}

/// Waits until the reader sees `count` courses. Fails after 20 seconds.
async fn until(reader: &Client<'_>, count: usize) {
    let began = Instant::now();
    while titles(reader).await != count {
        assert!(began.elapsed() < Duration::from_secs(20), "the change is not seen");
        tokio::task::yield_now().await;
    }
}

/// A server on each database, which keeps rows until they change.
async fn servers() -> [App; 2] {
    let start = async |backend| App::with(backend, &["--shared-cache-ttl", "1h"]).await;
    [start(Backend::Sqlite).await, start(Backend::Postgres).await]
}

#[tokio::test]
async fn published_rows_are_read_once() {
    for app in servers().await {
        published_course(&app.by_jwt(&editor()), "one").await;
        let (first, read) = app.statements_of(app.by_jwt(&alice()).data(TEXT)).await;
        let (second, of_bob) = app.statements_of(app.by_jwt(&bob()).data(TEXT)).await;
        assert_eq!(first, second);
        assert_eq!(first["chapters"]["nodes"][0]["personalized"]["body"], "# Hello");
        let of_content = |sql: &&String| sql.contains("\"chapter");
        assert!(read.iter().filter(of_content).count() >= 3, "{read:?}");
        assert_eq!(of_bob.iter().filter(of_content).count(), 0, "{of_bob:?}");
    }
}

#[tokio::test]
async fn changes_of_this_server_are_seen_at_once() {
    for app in servers().await {
        let (edda, reader) = (app.by_jwt(&editor()), app.by_jwt(&alice()));
        assert_eq!(titles(&reader).await, 0);
        let id = published_course(&edda, "one").await;
        assert_eq!(titles(&reader).await, 1);
        let update = "mutation($id: ID!) { updateCourse(id: $id, input: {title: \"New\"}) { course { title } } }";
        edda.data_with(update, json!({ "id": id })).await;
        assert_eq!(reader.data(COURSES).await["courses"]["nodes"][0]["title"], "New");
        publish(&edda, "Course", &id, false).await;
        assert_eq!(reader.data(COURSES).await["courses"]["totalCount"], 0);
        assert_eq!(titles(&reader).await, 0, "an unpublished course is not cached");
        publish(&edda, "Course", &id, true).await;
        assert_eq!(titles(&reader).await, 1);
        edda.data_with(
            "mutation($id: ID!) { deleteCourse(id: $id) { deletedCourseId } }",
            json!({ "id": id }),
        )
        .await;
        assert_eq!(titles(&reader).await, 0);
    }
}

#[tokio::test]
async fn editors_read_drafts_uncached() {
    for app in servers().await {
        let edda = app.by_jwt(&editor());
        course_with_chapter(&edda, "draft").await;
        for _ in 0..2 {
            let (_, statements) = app.statements_of(edda.data(COURSES)).await;
            assert!(!statements.is_empty(), "a draft is read from the database");
            assert_eq!(titles(&app.by_jwt(&alice())).await, 0, "a draft is not in the cache");
        }
    }
}

/// One node's changes reach the other, whose cache has an earlier result.
async fn check_changes_of_another_node(flags: &[&str]) {
    let (one, other) = two_nodes(flags).await;
    let reader = other.by_jwt(&alice());
    assert_eq!(titles(&reader).await, 0);
    let id = published_course(&one.by_jwt(&editor()), "one").await;
    until(&reader, 1).await;
    publish(&one.by_jwt(&editor()), "Course", &id, false).await;
    until(&reader, 0).await;
}

#[tokio::test]
async fn other_nodes_see_a_change_when_rows_expire() {
    // Without LISTEN.
    let flags = ["--shared-cache-ttl", "300ms", "--database-pooler", "transaction"];
    check_changes_of_another_node(&flags).await;
}

#[tokio::test]
async fn postgres_tells_other_nodes_of_a_change() {
    check_changes_of_another_node(&["--shared-cache-ttl", "1h"]).await;
}

#[tokio::test]
async fn missed_change_is_read_after_a_gap() {
    let url = postgres::database();
    let flags = ["--better-auth-url", Issuer::shared().url(), "--shared-cache-ttl", "1h"];
    let node = async |name| {
        let url = postgres::as_application(name, &url);
        App::on(&url, tempfile::tempdir().unwrap(), &flags).await
    };
    let (one, other) = (node("one").await, node("other").await);
    let (edda, reader) = (one.by_jwt(&editor()), other.by_jwt(&alice()));
    let id = published_course(&edda, "one").await;
    let mut missed = false;
    for _ in 0..10 {
        until(&reader, 1).await;
        postgres::set_connectable(&url, false);
        postgres::cut_listener("other", &url);
        publish(&edda, "Course", &id, false).await;
        missed = titles(&reader).await == 1;
        postgres::set_connectable(&url, true);
        until(&reader, 0).await;
        if missed {
            break;
        }
        // A message of before arrived late: the reader has read again because of that.
        publish(&edda, "Course", &id, true).await;
    }
    assert!(missed, "every message arrives without a connection");
    // The message of a node whose connection was cut reaches the others.
    postgres::cut_listener("one", &url);
    publish(&edda, "Course", &id, true).await;
    until(&reader, 1).await;
}

#[tokio::test]
async fn redis_tells_other_nodes_of_a_change() {
    let flags = ["--shared-cache-ttl", "1h", "--redis-url", redis::url()];
    check_changes_of_another_node(&flags).await;
}

#[tokio::test]
async fn texts_are_cached_by_their_chapter() {
    let one = "{ chapters(first: 1) { nodes { id personalized { body } } } }";
    let body = |answer: &Value| answer["chapters"]["nodes"][0]["personalized"]["body"].clone();
    for app in servers().await {
        let (edda, reader) = (app.by_jwt(&editor()), app.by_jwt(&alice()));
        published_course(&edda, "one").await;
        published_course(&edda, "two").await;
        reader.data(TEXT).await;
        let (first, read) = app.statements_of(reader.data(one)).await;
        assert_eq!(body(&first), "# Hello");
        let of_texts = read.iter().filter(|sql| sql.contains("\"chapter_variant"));
        assert_eq!(of_texts.count(), 0, "{read:?}");
        save_variant(&edda, &first["chapters"]["nodes"][0]["id"], "# Changed").await;
        assert_eq!(body(&reader.data(one).await), "# Changed");
    }
}

#[tokio::test]
async fn filtered_rows_are_not_cached_by_key() {
    for app in servers().await {
        published_course(&app.by_jwt(&editor()), "one").await;
        let scope = app.scope_of(&alice());
        let chapter = scope.shared::<chapter::Entity>().one().await.unwrap().unwrap().id;
        let texts = async |rows: Rows<variant::Entity>| {
            let (by, columns) = (variant::Column::ChapterId, [variant::Column::Body]);
            let keys = [chapter, chapter];
            let found = rows.columns_by::<ChapterId, (String,)>(by, &keys, &columns);
            found.await.unwrap()[&chapter].len()
        };
        for _ in 0..2 {
            assert_eq!(texts(scope.shared()).await, 1, "of a key that is given twice");
            let others = scope.shared().filter(variant::Column::Body.is("another"));
            assert_eq!(texts(others).await, 0);
        }
    }
}
