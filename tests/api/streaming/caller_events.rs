//! One subscription to tasks and progress.

use serde_json::{Value, json};

use super::graphql_ws::token;
use super::overdue_events::{create, due_in};
use crate::domains::screens::{chapters, record};
use crate::on_both_databases;
use crate::support::app::{App, Backend};
use crate::support::callers::{alice, bob};
use crate::support::socket::Socket;

/// The events since this place.
async fn subscribe(app: &App, since: &Value) -> Socket {
    let query = format!(
        "subscription {{ events(since: {since}) {{
            ... on TaskEvent {{ kind taskSequence: sequence task {{ title }} }}
            ... on ProgressEvent {{ sequence progress {{ percent chapter {{ slug }} }} }} }} }}"
    );
    let mut socket = Socket::by_bearer(app, &token()).await;
    socket.execute("1", &query).await;
    socket
}

async fn next(socket: &mut Socket) -> Value {
    socket.next_message().await["payload"]["data"]["events"].clone()
}

on_both_databases! {
    async fn tasks_and_progress_share_a_subscription(app: App) {
        let app = app.with_courses().await;
        let (alices, bobs) = (app.by_jwt(&alice()), app.by_jwt(&bob()));
        let chapters = chapters(&app, "rust-apis").await;
        let mut socket = subscribe(&app, &json!("")).await;
        assert_eq!(next(&mut socket).await["kind"], "RESYNC");
        for (who, title, percent) in [(&bobs, "bob's", 5), (&alices, "alice's", 7)] {
            create(who, title, &Value::Null).await;
            record(who, &chapters[0].0, percent).await;
        }
        let task = next(&mut socket).await;
        assert_eq!((&task["kind"], &task["task"]), (&json!("CREATED"), &json!({"title": "alice's"})));
        let progress = next(&mut socket).await;
        assert_eq!(progress["progress"], json!({"percent": 7, "chapter": {"slug": chapters[0].1}}));
        drop(socket);
        record(&alices, &chapters[1].0, 9).await;
        create(&alices, "due", &due_in(2_000)).await;
        let mut socket = subscribe(&app, &progress["sequence"]).await;
        assert_eq!(next(&mut socket).await["progress"]["percent"], 9);
        for kind in ["CREATED", "OVERDUE"] {
            let event = next(&mut socket).await;
            assert_eq!((&event["kind"], &event["task"]["title"]), (&json!(kind), &json!("due")));
        }
    }
}

/// A front end's screen: overdue tasks by tag, with the current chapter, in one query.
#[tokio::test]
async fn screen_takes_one_query() {
    let app = App::start(Backend::Sqlite).await.with_courses().await;
    let who = app.by_jwt(&alice());
    let chapters = chapters(&app, "rust-apis").await;
    record(&who, &chapters[1].0, 5).await;
    let make = "mutation { createTask(input: {title: \"late\", tags: [\"x\"], dueAt: \"2020-01-01T00:00:00Z\"}) { task { id } } }";
    who.data(make).await;
    let screen =
        "query($overdue: TaskFilter!) { currentChapter { slug course { currentChapter { slug } } }
        taskTags(filter: $overdue) { tag count } tasks(filter: $overdue) { nodes { title } } }";
    let data = who.data_with(screen, json!({"overdue": {"overdue": true}})).await;
    let chapter = json!({"slug": chapters[1].1});
    assert_eq!(
        data,
        json!({
            "currentChapter": {"slug": chapters[1].1, "course": {"currentChapter": chapter}},
            "taskTags": [{"tag": "x", "count": 1}],
            "tasks": {"nodes": [{"title": "late"}]},
        })
    );
}
