//! Readers note how far they have come, and what they want to come back to.

use std::time::{Duration, Instant};

use hallpass_entity::progress;
use serde_json::{Value, json};

use crate::app::{App, Backend, Client, GraphQlResponse};
use crate::issuer::Issuer;
use crate::on_both_databases;
use crate::people::{alice, bob, user};
use crate::socket::Socket;

async fn id_of(app: &App, slug: &str) -> Value {
    let ask = "query($slug: String!) { chapter(slug: $slug) { id } }";
    app.anonymous().data_with(ask, json!({ "slug": slug })).await["chapter"]["id"].clone()
}

async fn record(who: &Client<'_>, chapter: &Value, percent: i32) -> GraphQlResponse {
    let document = "mutation($id: ID!, $percent: Int!) {
        recordProgress(chapterId: $id, percent: $percent) { percent completed updatedAt } }";
    who.ask_with(document, json!({"id": chapter, "percent": percent})).await
}

async fn mark(who: &Client<'_>, chapter: &Value, bookmarked: bool) -> GraphQlResponse {
    let document = "mutation($id: ID!, $bookmarked: Boolean!) {
        bookmarkChapter(chapterId: $id, bookmarked: $bookmarked) { slug bookmarked progress { percent } } }";
    who.ask_with(document, json!({"id": chapter, "bookmarked": bookmarked})).await
}

/// The codes of an answer without errors.
const FINE: [&str; 0] = [];

async fn rows(app: &App, name: &str) -> i64 {
    app.scope_of(&user(name)).owned::<progress::Entity>().unwrap().count().await.unwrap()
}

on_both_databases! {
    async fn alice_notes_how_far_she_has_come_and_what_to_come_back_to(app: App) {
        let app = app.with_courses().await;
        let (alice, chapter) = (app.by_jwt(&alice()), id_of(&app, "sense-think-act").await);
        let noted = record(&alice, &chapter, 40).await.data()["recordProgress"].clone();
        assert_eq!(json!([noted["percent"], noted["completed"]]), json!([40, false]));
        assert!(noted["updatedAt"].is_string());
        let marked = mark(&alice, &chapter, true).await.data()["bookmarkChapter"].clone();
        assert_eq!(marked, json!({"slug": "sense-think-act", "bookmarked": true, "progress": {"percent": 40}}));
        let done = record(&alice, &chapter, 100).await.data()["recordProgress"].clone();
        assert_eq!(done["completed"], true);
        let marked = mark(&alice, &chapter, true).await.data()["bookmarkChapter"].clone();
        assert_eq!(marked["bookmarked"], true, "progress leaves the mark");
        let now = "{ chapter(slug: \"sense-think-act\") { bookmarked progress { percent updatedAt } } }";
        let now = alice.data(now).await["chapter"].clone();
        assert_eq!(now["progress"]["updatedAt"], done["updatedAt"], "a mark is no progress");
        let unmarked = mark(&alice, &chapter, false).await.data()["bookmarkChapter"].clone();
        assert_eq!(unmarked, json!({"slug": "sense-think-act", "bookmarked": false, "progress": {"percent": 100}}));
        assert_eq!(rows(&app, "alice").await, 1);
    }

    async fn a_note_is_one_statement_and_notes_made_at_once_all_succeed(app: App) {
        let app = app.with_courses().await;
        let (alice, chapter) = (app.by_jwt(&alice()), id_of(&app, "sense-think-act").await);
        let notes = (1..=8).map(|percent| record(&alice, &chapter, percent));
        let marks = (0..8).map(|_| mark(&alice, &chapter, true));
        let (notes, marks) = tokio::join!(
            futures_util::future::join_all(notes),
            futures_util::future::join_all(marks)
        );
        for answer in notes.into_iter().chain(marks) {
            assert_eq!(answer.codes(), FINE);
        }
        assert_eq!(rows(&app, "alice").await, 1);
        let (answer, statements) = app.statements_of(record(&alice, &chapter, 50)).await;
        assert_eq!(answer.codes(), FINE);
        assert_eq!(statements.len(), 2, "the chapter and the note: {statements:#?}");
    }

    async fn progress_never_falls_unless_it_is_reset(app: App) {
        let app = app.with_courses().await;
        let (alice, chapter) = (app.by_jwt(&alice()), id_of(&app, "sense-think-act").await);
        let document = "mutation($id: ID!, $percent: Int!, $reset: Boolean) {
            recordProgress(chapterId: $id, percent: $percent, reset: $reset) { percent completed updatedAt } }";
        let note = async |percent: i32, reset: Value| {
            let variables = json!({"id": chapter, "percent": percent, "reset": reset});
            alice.data_with(document, variables).await["recordProgress"].clone()
        };
        let half = record(&alice, &chapter, 50).await.data()["recordProgress"].clone();
        for less in [20, 50, 0] {
            assert_eq!(record(&alice, &chapter, less).await.data()["recordProgress"], half, "{less}");
        }
        assert_eq!(note(20, json!(false)).await, half);
        let done = note(100, json!(false)).await;
        assert_eq!(done["completed"], true);
        assert_eq!(note(99, json!(false)).await, done, "what is finished stays finished");
        let again = note(10, json!(true)).await;
        assert_eq!(json!([again["percent"], again["completed"]]), json!([10, false]));
        let notes = [60, 30, 90, 10, 70, 20].map(|percent| record(&alice, &chapter, percent));
        futures_util::future::join_all(notes).await;
        let stored = alice.data("{ chapter(slug: \"sense-think-act\") { progress { percent } } }").await;
        assert_eq!(stored["chapter"]["progress"]["percent"], 90, "however they come together");
    }

    async fn bob_sees_nothing_of_alices_progress_and_changes_none(app: App) {
        let app = app.with_courses().await;
        let (hers, his) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let chapter = id_of(&app, "sense-think-act").await;
        assert_eq!(record(&hers, &chapter, 60).await.codes(), FINE);
        let marked = mark(&his, &chapter, true).await.data();
        assert_eq!(marked["bookmarkChapter"]["progress"]["percent"], 0);
        assert_eq!(record(&his, &chapter, 10).await.codes(), FINE);
        let ask = "{ chapter(slug: \"sense-think-act\") { bookmarked progress { percent } } }";
        assert_eq!(hers.data(ask).await["chapter"], json!({"bookmarked": false, "progress": {"percent": 60}}));
        assert_eq!(his.data(ask).await["chapter"], json!({"bookmarked": true, "progress": {"percent": 10}}));
    }
}

#[tokio::test]
async fn only_who_may_read_a_chapter_notes_progress_in_it() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let chapter = id_of(&app, "feedback-control").await;
    let free = app.by_jwt(&alice());
    let refused = record(&free, &chapter, 10).await;
    let read = free.ask("{ chapter(slug: \"feedback-control\") { personalized { level } } }").await;
    for said in ["code", "rule", "missing"] {
        assert_eq!(refused.error()["extensions"][said], read.error()["extensions"][said]);
    }
    assert_eq!(refused.error()["extensions"]["missing"], json!(["TIER(premium)"]));
    assert_eq!(rows(&app, "alice").await, 0);
    assert_eq!(mark(&free, &chapter, true).await.data()["bookmarkChapter"]["bookmarked"], true);
    let premium = app.by_jwt(&user("pia").tier("premium"));
    assert_eq!(record(&premium, &chapter, 10).await.data()["recordProgress"]["percent"], 10);
    let anonymous = app.anonymous();
    assert_eq!(record(&anonymous, &chapter, 10).await.codes(), ["UNAUTHENTICATED"]);
    assert_eq!(mark(&anonymous, &chapter, true).await.codes(), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn a_chapter_that_is_not_there_or_not_published_cannot_be_told_apart() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let (alice, hidden) = (app.by_jwt(&alice()), id_of(&app, "who-is-asking").await);
    let courses = alice.data("{ courses(first: 1) { nodes { id } } }").await;
    app.unpublish("rust-apis").await;
    let nobodys = hallpass::graphql::encode_id("Chapter", hallpass_entity::ChapterId::generate());
    let course = courses["courses"]["nodes"][0]["id"].clone();
    for id in [json!("nonsense"), json!(nobodys.as_str()), course, hidden] {
        for answer in [record(&alice, &id, 10).await, mark(&alice, &id, true).await] {
            assert_eq!(answer.error()["extensions"]["code"], "NOT_FOUND");
            assert_eq!(answer.error()["message"], "There is no such chapter.");
        }
    }
    assert_eq!(rows(&app, "alice").await, 0);
}

#[tokio::test]
async fn a_percentage_is_between_0_and_100() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let (alice, chapter) = (app.by_jwt(&alice()), id_of(&app, "sense-think-act").await);
    for percent in [-1, 101, i32::MAX] {
        let answer = record(&alice, &chapter, percent).await;
        assert_eq!(answer.first_error("percent"), "give a number from 0 to 100");
    }
    for percent in [0, 100] {
        assert_eq!(record(&alice, &chapter, percent).await.codes(), FINE);
    }
}

#[tokio::test]
async fn alice_hears_of_her_progress_and_nothing_of_bobs() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let (hers, his) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
    let chapter = id_of(&app, "sense-think-act").await;
    let token = Issuer::shared().token(&alice().claims());
    let mut socket = Socket::by_bearer(&app, &token).await;
    socket.ask("1", "subscription { progressEvents { percent chapter { slug } } }").await;
    // Whether it listens yet is told by nothing but that it hears.
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing is heard");
        assert_eq!(record(&hers, &chapter, 1).await.codes(), FINE);
        if tokio::time::timeout(Duration::from_millis(100), socket.said()).await.is_ok() {
            break;
        }
    }
    hers.data("mutation { createTask(input: {title: \"Not about a chapter\"}) { id } }").await;
    assert_eq!(record(&his, &chapter, 77).await.codes(), FINE);
    assert_eq!(record(&hers, &chapter, 100).await.codes(), FINE);
    loop {
        let message = socket.said().await;
        let event = &message["payload"]["data"]["progressEvents"];
        if event["percent"] != 1 {
            assert_eq!(*event, json!({"percent": 100, "chapter": {"slug": "sense-think-act"}}));
            break;
        }
    }
}

#[tokio::test]
async fn nobody_hears_of_progress() {
    let app = App::start(Backend::Sqlite).await;
    let mut socket = Socket::by_nobody(&app).await;
    socket.ask("1", "subscription { progressEvents { percent } }").await;
    let refused = socket.said().await;
    assert_eq!(refused["payload"][0]["extensions"]["code"], "UNAUTHENTICATED", "{refused}");
}
