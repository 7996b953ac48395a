//! Row-level security behind the scopes: on PostgreSQL, a statement that lost its condition on the owner
//! still reaches no other user's rows.

mod missing_owner_filter;
mod pooled_connections;
mod setup;

use hallpass::testing::User;
use hallpass_data::{Comparison as _, Scope, Set, now};
use hallpass_entity::{ChapterId, chapter, progress};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::callers::{alice, bob};
use crate::support::issuer::Issuer;
use crate::support::postgres;

/// A server with row-level security, as a role that owns the tables and is not a superuser.
pub async fn with_row_security(flags: &[&str]) -> App {
    on(&postgres::plain_database(), &[&["--row-security", "on"], flags].concat()).await
}

async fn on(url: &str, flags: &[&str]) -> App {
    let all = [&["--better-auth-url", Issuer::shared().url()], flags].concat();
    App::on(url, tempfile::tempdir().unwrap(), &all).await
}

/// Creates a task with a tag, and returns its id.
async fn create(app: &App, who: &User, title: &str, is_public: bool) -> Value {
    let document =
        "mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }";
    let input = json!({"title": title, "isPublic": is_public, "tags": [title]});
    let made = app.by_jwt(who).data_with(document, json!({ "input": input })).await;
    made["createTask"]["task"]["id"].clone()
}

/// Records that the caller has read half of the first chapter.
async fn read_half(scope: &Scope) -> ChapterId {
    let first = scope.shared::<chapter::Entity>().filter(chapter::Column::Ordinal.is(1));
    let chapter_id = first.all_by(chapter::Column::Slug).await.unwrap()[0].id;
    let row = progress::ActiveModel {
        chapter_id: Set(chapter_id),
        percent: Set(50),
        bookmarked: Set(true),
        updated_at: Set(now()),
        ..Default::default()
    };
    scope.insert::<progress::Entity>(row).await.unwrap();
    chapter_id
}

#[tokio::test]
async fn task_operations_work_with_row_security() {
    let app = with_row_security(&[]).await;
    let (first, second) = (
        create(&app, &alice(), "first", false).await,
        create(&app, &alice(), "second", true).await,
    );
    create(&app, &bob(), "his", false).await;
    let alice = app.by_jwt(&alice());
    let update = "mutation($id: ID!) { updateTask(id: $id, input: {title: \"changed\", tags: [\"new\"]}, expectedVersion: 1) { task { title tags version } } }";
    let changed = alice.data_with(update, json!({ "id": first })).await;
    assert_eq!(
        changed["updateTask"]["task"],
        json!({"title": "changed", "tags": ["new"], "version": 2})
    );
    let old = alice.ask_with(update, json!({ "id": first })).await;
    assert_eq!(old.codes(), ["CONFLICT"]);
    let complete = "mutation($ids: [ID!]!) { completeTasks(ids: $ids) { tasks { completed } } }";
    alice.data_with(complete, json!({"ids": [first, second]})).await;
    let page = alice.data("{ tasks(first: 1, filter: {tag: \"new\"}) { totalCount nodes { title tags } pageInfo { hasNextPage } } taskStats { total completed } }").await;
    assert_eq!(page["tasks"]["nodes"], json!([{"title": "changed", "tags": ["new"]}]));
    assert_eq!(page["taskStats"], json!({"total": 2, "completed": 2}));
    let delete = "mutation($id: ID!) { deleteTask(id: $id) { deletedTaskId } }";
    alice.data_with(delete, json!({ "id": first })).await;
    assert_eq!(alice.data("{ tasks { totalCount } }").await["tasks"]["totalCount"], 1);
}

#[tokio::test]
async fn public_rows_stay_visible_with_row_security() {
    let app = with_row_security(&[]).await;
    let (shown, hidden) = (
        create(&app, &alice(), "shown", true).await,
        create(&app, &alice(), "hidden", false).await,
    );
    let look = "query($shown: ID!, $hidden: ID!) { shown: task(id: $shown) { title tags } hidden: task(id: $hidden) { title } node(id: $hidden) { id } publicTasks { nodes { title } } }";
    let variables = json!({"shown": shown, "hidden": hidden});
    for who in [app.by_jwt(&bob()), app.anonymous()] {
        let seen = who.ask_with(look, variables.clone()).await.body["data"].clone();
        assert_eq!(seen["shown"]["title"], "shown");
        assert_eq!((&seen["hidden"], &seen["node"]), (&Value::Null, &Value::Null));
        assert_eq!(seen["publicTasks"]["nodes"], json!([{"title": "shown"}]));
    }
    let delete = "mutation($id: ID!) { deleteTask(id: $id) { deletedTaskId } }";
    let rejected = app.by_jwt(&bob()).ask_with(delete, json!({ "id": shown })).await;
    assert_eq!(rejected.codes(), ["NOT_FOUND"]);
}

#[tokio::test]
async fn forbid_mode_works_with_row_security() {
    let app = with_row_security(&["--ownership-denial", "forbid"]).await;
    let id = create(&app, &alice(), "hers", false).await;
    let rejected = app
        .by_jwt(&bob())
        .ask_with("query($id: ID!) { task(id: $id) { title } }", json!({ "id": id }))
        .await;
    assert_eq!(rejected.codes(), ["FORBIDDEN"]);
}

#[tokio::test]
async fn progress_is_isolated_by_row_security() {
    let app = with_row_security(&[]).await.with_courses().await;
    read_half(&app.scope_of(&alice())).await;
    let look = "{ chapters { nodes { progress { percent } } } }";
    let percents = |seen: &Value| {
        let nodes = seen["chapters"]["nodes"].as_array().unwrap().clone();
        nodes.iter().filter(|node| node["progress"]["percent"] == 50).count()
    };
    assert_eq!(percents(&app.by_jwt(&alice()).data(look).await), 1);
    assert_eq!(percents(&app.by_jwt(&bob()).data(look).await), 0);
    assert_eq!(percents(&app.anonymous().data(look).await), 0);
}
