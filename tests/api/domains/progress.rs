//! Readers record their progress, and bookmark chapters.

use std::time::{Duration, Instant};

use hallpass_entity::progress;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::{App, Backend, Client, GraphQlResponse};
use crate::support::callers::{alice, bob, user};
use crate::support::issuer::Issuer;
use crate::support::socket::Socket;

async fn id_of(app: &App, slug: &str) -> Value {
    let ask = "query($slug: String!) { chapter(slug: $slug) { id } }";
    app.anonymous().data_with(ask, json!({ "slug": slug })).await["chapter"]["id"].clone()
}

async fn record(who: &Client<'_>, chapter: &Value, percent: i32) -> GraphQlResponse {
    let document = "mutation($id: ID!, $percent: Int!) {
        recordProgress(chapterId: $id, percent: $percent) { progress { percent completed updatedAt } } }";
    who.ask_with(document, json!({"id": chapter, "percent": percent})).await
}

async fn bookmark(who: &Client<'_>, chapter: &Value, bookmarked: bool) -> GraphQlResponse {
    let document = "mutation($id: ID!, $bookmarked: Boolean!) {
        bookmarkChapter(chapterId: $id, bookmarked: $bookmarked) { chapter { slug bookmarked progress { percent } } } }";
    who.ask_with(document, json!({"id": chapter, "bookmarked": bookmarked})).await
}

/// The codes of a response without errors.
const NO_ERRORS: [&str; 0] = [];

async fn rows(app: &App, name: &str) -> i64 {
    app.scope_of(&user(name)).owned::<progress::Entity>().unwrap().count().await.unwrap()
}

on_both_databases! {
    async fn progress_and_bookmark_are_recorded(app: App) {
        let app = app.with_courses().await;
        let (alice, chapter) = (app.by_jwt(&alice()), id_of(&app, "sense-think-act").await);
        let recorded = record(&alice, &chapter, 40).await.data()["recordProgress"]["progress"].clone();
        assert_eq!(json!([recorded["percent"], recorded["completed"]]), json!([40, false]));
        assert!(recorded["updatedAt"].is_string());
        let bookmarked_chapter = bookmark(&alice, &chapter, true).await.data()["bookmarkChapter"]["chapter"].clone();
        assert_eq!(bookmarked_chapter, json!({"slug": "sense-think-act", "bookmarked": true, "progress": {"percent": 40}}));
        let done = record(&alice, &chapter, 100).await.data()["recordProgress"]["progress"].clone();
        assert_eq!(done["completed"], true);
        let bookmarked_chapter = bookmark(&alice, &chapter, true).await.data()["bookmarkChapter"]["chapter"].clone();
        assert_eq!(bookmarked_chapter["bookmarked"], true, "progress keeps the bookmark");
        let now = "{ chapter(slug: \"sense-think-act\") { bookmarked progress { percent updatedAt } } }";
        let now = alice.data(now).await["chapter"].clone();
        assert_eq!(now["progress"]["updatedAt"], done["updatedAt"], "a bookmark does not change progress");
        let unmarked = bookmark(&alice, &chapter, false).await.data()["bookmarkChapter"]["chapter"].clone();
        assert_eq!(unmarked, json!({"slug": "sense-think-act", "bookmarked": false, "progress": {"percent": 100}}));
        assert_eq!(rows(&app, "alice").await, 1);
    }

    async fn progress_write_is_a_single_upsert(app: App) {
        let app = app.with_courses().await;
        let (alice, chapter) = (app.by_jwt(&alice()), id_of(&app, "sense-think-act").await);
        let notes = (1..=8).map(|percent| record(&alice, &chapter, percent));
        let marks = (0..8).map(|_| bookmark(&alice, &chapter, true));
        let (notes, marks) = tokio::join!(
            futures_util::future::join_all(notes),
            futures_util::future::join_all(marks)
        );
        for answer in notes.into_iter().chain(marks) {
            assert_eq!(answer.codes(), NO_ERRORS);
        }
        assert_eq!(rows(&app, "alice").await, 1);
        let (answer, statements) = app.statements_of(record(&alice, &chapter, 50)).await;
        assert_eq!(answer.codes(), NO_ERRORS);
        let writes = statements.iter().filter(|sql| !sql.starts_with("SELECT")).count();
        assert_eq!(writes, 1, "{statements:#?}");
        assert!(statements.len() <= 2, "the chapter, unless it is cached: {statements:#?}");
    }

    async fn progress_decreases_only_on_reset(app: App) {
        let app = app.with_courses().await;
        let (alice, chapter) = (app.by_jwt(&alice()), id_of(&app, "sense-think-act").await);
        let document = "mutation($id: ID!, $percent: Int!, $reset: Boolean) {
            recordProgress(chapterId: $id, percent: $percent, reset: $reset) { progress { percent completed updatedAt } } }";
        let note = async |percent: i32, reset: Value| {
            let variables = json!({"id": chapter, "percent": percent, "reset": reset});
            alice.data_with(document, variables).await["recordProgress"]["progress"].clone()
        };
        let half = record(&alice, &chapter, 50).await.data()["recordProgress"]["progress"].clone();
        for less in [20, 50, 0] {
            assert_eq!(record(&alice, &chapter, less).await.data()["recordProgress"]["progress"], half, "{less}");
        }
        assert_eq!(note(20, json!(false)).await, half);
        let done = note(100, json!(false)).await;
        assert_eq!(done["completed"], true);
        assert_eq!(note(99, json!(false)).await, done, "a completed chapter stays completed");
        let again = note(10, json!(true)).await;
        assert_eq!(json!([again["percent"], again["completed"]]), json!([10, false]));
        let notes = [60, 30, 90, 10, 70, 20].map(|percent| record(&alice, &chapter, percent));
        futures_util::future::join_all(notes).await;
        let stored = alice.data("{ chapter(slug: \"sense-think-act\") { progress { percent } } }").await;
        assert_eq!(stored["chapter"]["progress"]["percent"], 90, "in any order");
    }

    async fn progress_is_per_reader(app: App) {
        let app = app.with_courses().await;
        let (alices, bobs) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let chapter = id_of(&app, "sense-think-act").await;
        assert_eq!(record(&alices, &chapter, 60).await.codes(), NO_ERRORS);
        let bookmarked_chapter = bookmark(&bobs, &chapter, true).await.data();
        assert_eq!(bookmarked_chapter["bookmarkChapter"]["chapter"]["progress"]["percent"], 0);
        assert_eq!(record(&bobs, &chapter, 10).await.codes(), NO_ERRORS);
        let ask = "{ chapter(slug: \"sense-think-act\") { bookmarked progress { percent } } }";
        assert_eq!(alices.data(ask).await["chapter"], json!({"bookmarked": false, "progress": {"percent": 60}}));
        assert_eq!(bobs.data(ask).await["chapter"], json!({"bookmarked": true, "progress": {"percent": 10}}));
    }
}

#[tokio::test]
async fn progress_requires_read_access() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let chapter = id_of(&app, "feedback-control").await;
    let free = app.by_jwt(&alice());
    let rejected = record(&free, &chapter, 10).await;
    let read = free.ask("{ chapter(slug: \"feedback-control\") { personalized { level } } }").await;
    for reported in ["code", "rule", "missing"] {
        assert_eq!(rejected.error()["extensions"][reported], read.error()["extensions"][reported]);
    }
    assert_eq!(rejected.error()["extensions"]["missing"], json!(["TIER(premium)"]));
    assert_eq!(rows(&app, "alice").await, 0);
    assert_eq!(
        bookmark(&free, &chapter, true).await.data()["bookmarkChapter"]["chapter"]["bookmarked"],
        true
    );
    let premium = app.by_jwt(&user("pia").tier("premium"));
    assert_eq!(
        record(&premium, &chapter, 10).await.data()["recordProgress"]["progress"]["percent"],
        10
    );
    let anonymous = app.anonymous();
    assert_eq!(record(&anonymous, &chapter, 10).await.codes(), ["UNAUTHENTICATED"]);
    assert_eq!(bookmark(&anonymous, &chapter, true).await.codes(), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn unpublished_chapters_are_not_found() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let (alice, hidden) = (app.by_jwt(&alice()), id_of(&app, "who-is-asking").await);
    let courses = alice.data("{ courses(first: 1) { nodes { id } } }").await;
    app.unpublish("rust-apis").await;
    let nonexistent =
        hallpass::graphql::encode_id("Chapter", hallpass_entity::ChapterId::generate());
    let course = courses["courses"]["nodes"][0]["id"].clone();
    for id in [json!("nonsense"), json!(nonexistent.as_str()), course, hidden] {
        for answer in [record(&alice, &id, 10).await, bookmark(&alice, &id, true).await] {
            assert_eq!(answer.error()["extensions"]["code"], "NOT_FOUND");
            assert_eq!(answer.error()["message"], "There is no such chapter.");
        }
    }
    assert_eq!(rows(&app, "alice").await, 0);
}

#[tokio::test]
async fn percent_must_be_0_to_100() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let (alice, chapter) = (app.by_jwt(&alice()), id_of(&app, "sense-think-act").await);
    for percent in [-1, 101, i32::MAX] {
        let answer = record(&alice, &chapter, percent).await;
        assert_eq!(answer.first_error("percent"), "give a number from 0 to 100");
    }
    for percent in [0, 100] {
        assert_eq!(record(&alice, &chapter, percent).await.codes(), NO_ERRORS);
    }
}

#[tokio::test]
async fn progress_events_are_per_owner() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let (alices, bobs) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
    let chapter = id_of(&app, "sense-think-act").await;
    let token = Issuer::shared().token(&alice().claims());
    let mut socket = Socket::by_bearer(&app, &token).await;
    socket.execute("1", "subscription { progressEvents { percent chapter { slug } } }").await;
    // A received event is the only sign that the subscription is active.
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < Duration::from_secs(20), "no event arrives");
        assert_eq!(record(&alices, &chapter, 1).await.codes(), NO_ERRORS);
        if tokio::time::timeout(Duration::from_millis(100), socket.next_message()).await.is_ok() {
            break;
        }
    }
    alices
        .data("mutation { createTask(input: {title: \"Not about a chapter\"}) { task { id } } }")
        .await;
    assert_eq!(record(&bobs, &chapter, 77).await.codes(), NO_ERRORS);
    assert_eq!(record(&alices, &chapter, 100).await.codes(), NO_ERRORS);
    loop {
        let message = socket.next_message().await;
        let event = &message["payload"]["data"]["progressEvents"];
        if event["percent"] != 1 {
            assert_eq!(*event, json!({"percent": 100, "chapter": {"slug": "sense-think-act"}}));
            break;
        }
    }
}

#[tokio::test]
async fn anonymous_cannot_subscribe() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::anonymous(&app).await;
    socket.execute("1", "subscription { progressEvents { percent } }").await;
    let rejected = socket.next_message().await;
    assert_eq!(rejected["payload"][0]["extensions"]["code"], "UNAUTHENTICATED", "{rejected}");
}
